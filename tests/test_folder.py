"""Pictures in folders: their forms, sizes, parts, mistakes, and the cache of what was decoded."""

import multiprocessing
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hptjax
from hptjax.data import folder_files
from hptjax.data.resize import resize_and_crop
from hptjax.data.sources import load_images
from hptjax.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, pixels, mode=None, **options):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path, **options)


def two_classes(root="pets", count=4, shape=(6, 5)):
    for k, name in enumerate(("cat", "dog")):
        for i in range(count):
            save(f"{root}/{name}/{i}.png", noise(*shape, seed=10 * k + i))


def read(source="folder:pets", **options):
    lines = []
    return load_images(source, notify=lines.append, **options), lines


def test_a_folder_is_a_class():
    two_classes()
    images, lines = read()
    assert (images.class_names, images.image_shape, lines) == (("cat", "dog"), (6, 5, 1), [])
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    np.testing.assert_array_equal(images.images[5, ..., 0], noise(6, 5, seed=11))


def test_folders_that_are_numbers_are_in_their_order():
    for name in ("10", "9", "1"):
        save(f"n/{name}/a.png", noise(4, 4, seed=int(name)))
    assert read("folder:n")[0].class_names == ("1", "9", "10")


def test_parts_have_the_classes_of_the_training_part():
    two_classes("p/train")
    save("p/val/dog/a.png", noise(6, 5, seed=99))
    save("p/test/dog/a.png", noise(6, 5, seed=98))
    for split in ("validation", "test"):
        part, _ = read("folder:p", split=split)
        assert (part.class_names, part.labels.tolist()) == (("cat", "dog"), [1])
    save("p/test/hen/a.png", noise(6, 5))
    with pytest.raises(DataError, match=r"labels must be in cat, dog, .* got hen"):
        read("folder:p", split="test")
    with pytest.raises(hptjax.errors.DataError, match="has no test set, which would be a folder"):
        read("folder:p/train", split="test")


def test_several_sizes_are_refused_and_resized():
    two_classes()
    save("pets/cat/x.png", noise(12, 10))
    save("pets/cat/y.png", noise(20, 9))
    with pytest.raises(DataError) as caught:
        read()
    assert str(caught.value) == (
        "folder:pets: images of 3 sizes (6x5: 8, 12x10: 1, 20x9: 1); data.size: [6, 5] resizes "
        "them."
    )
    assert read(size=5)[0].image_shape == (5, 5, 1)
    with pytest.raises(ConfigError, match=r"size: must be pixels, as 28 .* got \(5, 5, 5\)"):
        read(size=(5, 5, 5))
    images, lines = read(size=(6, 5))
    assert images.image_shape == (6, 5, 1)
    assert lines == [
        "folder:pets: 2 pictures are resized to 6 x 5, in proportion, the centre cropped (12x10: 1,"
        " 20x9: 1)."
    ]
    whole = hptjax.ImageDataset(np.stack([noise(20, 9)] * 2), [0, 1])
    ours = resize_and_crop(whole, 6, 5).images[0].astype(int)
    assert np.abs(ours - images.images[5]).max() <= 1  # Pillow counts in fixed point


def test_changes_of_colours_depth_and_orientation_are_reported():
    grey, colour = noise(6, 6, seed=1), noise(6, 6, 3, seed=2)
    save("f/a/0.png", grey)
    save("f/a/1.png", colour)
    save("f/a/2.png", np.dstack([colour, grey]))
    save("f/b/3.png", colour, "P")
    save("f/b/4.png", grey.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    save("f/b/5.png", colour, exif=exif)
    save("f/b/6.bmp", colour)
    save("f/b/7.jpg", colour, "CMYK")
    images, lines = read("folder:f")
    assert images.image_shape == (6, 6, 3)
    np.testing.assert_array_equal(images.images[0], np.dstack([grey] * 3))
    np.testing.assert_array_equal(images.images[2], colour)
    np.testing.assert_array_equal(images.images[4], np.dstack([grey] * 3))
    np.testing.assert_array_equal(images.images[5], np.rot90(colour, -1))
    text = "\n".join(lines)
    for said in (
        "1 picture of a palette",
        "1 picture with transparency",
        "1 picture of 16 bits: divided by 257",
        "1 picture of another colour space",
        "1 picture turned as",
        "2 of 8 pictures are grey and made RGB",
    ):
        assert said in text
    images, lines = read("folder:f", channels=1)
    assert images.image_shape == (6, 6, 1)
    assert "folder:f: 6 pictures in colour: made grey." in lines


def test_16_bit_pictures_that_use_fewer_bits_are_reported_among_others():
    save("f/a/0.png", noise(6, 6).astype(np.uint16) * 16)  # of 12 bits, as a camera's
    save("f/a/1.png", noise(6, 6).astype(np.uint16) * 257)
    save("f/b/2.png", noise(6, 6))
    images, lines = read("folder:f")
    assert images.images.max((1, 2, 3)).tolist() == [15, 248, 248]
    assert any("1 picture of 16 bits without a number above a tenth of 65535" in s for s in lines)


def test_colours_of_16_bits_are_read_by_their_upper_ones():
    """Pillow writes no such file: the chunks of a PNG by hand."""
    words = (noise(6, 6, 3).astype(int) * 200).astype(">u2")

    def chunk(kind, content):
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", 6, 6, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in words))
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    save("f/a/0.png", noise(6, 6, 3))
    save("f/b/0.png", noise(6, 6, 3))
    Path("f/b/1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    images, lines = read("folder:f")
    np.testing.assert_array_equal(images.images[2], words >> 8)
    assert lines == [
        "folder:f: 1 picture in colour, or with transparency, of 16 bits: the upper 8 are read."
    ]


def test_a_link_to_nowhere_is_a_broken_file():
    two_classes()
    Path("pets/cat/9.png").symlink_to("gone.png")
    with pytest.raises(DataError, match=r"9\.png: cannot be read as a picture .* skip leaves"):
        read()
    assert read(broken="skip")[0].size == 8


def test_transparent_pictures_are_laid_on_a_colour():
    """Black strokes on transparent pixels, which are black, too."""
    stroke = np.zeros((6, 6), np.uint8)
    stroke[2] = 255
    black = np.zeros((6, 6, 3), np.uint8)
    save("icons/a/0.png", np.dstack([black, stroke]))
    save("icons/b/1.png", np.dstack([black, stroke.T // 2]))
    images, lines = read("folder:icons")
    assert not images.images.any()
    assert "write data.background: white" in lines[0]
    images, lines = read("folder:icons", background="white")
    assert "2 pictures with transparency: laid on the colour that data.background" in lines[0]
    np.testing.assert_array_equal(images.images[0], np.dstack([255 - stroke] * 3))
    np.testing.assert_allclose(images.images[1, ..., 0], 255 - stroke.T / 2, atol=1)
    red = hptjax.ImageDataset.from_folder("icons", background="#ff0000", notify=lambda line: None)
    assert red.images[0, 0, 0].tolist() == [255, 0, 0]
    save("icons/a/0.png", stroke, transparency=0)
    save("icons/b/1.png", np.dstack([stroke // 255, stroke]), "LA")
    images, _ = read("folder:icons", background="white")
    np.testing.assert_array_equal(images.images[0], np.full((6, 6, 1), 255))
    np.testing.assert_array_equal(images.images[1, ..., 0], np.where(stroke, 1, 255))
    with pytest.raises(ConfigError, match=r"data\.background: must be a colour, .* got 'whitish'"):
        read("folder:icons", background="whitish")
    with pytest.raises(ConfigError, match=r"is of pictures, and sample has arrays without any"):
        load_images("sample", background="white")


def test_a_broken_file_is_named_or_left_out():
    two_classes()
    file = Path("pets/dog/2.png")
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match=r"pets/dog/2.png: cannot be read as .* skip leaves"):
        read()
    images, lines = read(broken="skip")
    assert images.labels.tolist() == [0] * 4 + [1] * 3
    assert lines == ["folder:pets: 1 broken file is left out, as data.broken says: dog/2.png."]


def test_other_files_are_reported_and_hidden_ones_are_not():
    two_classes()
    Path("pets/list.csv").write_text("x")
    Path("pets/cat/.DS_Store").write_text("x")
    Path("pets/none").mkdir()
    images, lines = read()
    assert images.class_names == ("cat", "dog")
    assert lines == [
        "folder:pets: none has no pictures and is no class.",
        "folder:pets: 1 file is no picture of a class and left out: list.csv.",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: None, "folder:pets: there is no such folder"),
        (lambda: Path("pets").write_text(""), "is a file, where a folder"),
        (lambda: Path("pets").mkdir(), "must have a folder for each class, it has none"),
        (lambda: save("pets/a/0.png", noise(4, 4)), "of at least 2 classes, has a alone"),
        (lambda: two_classes("pets/val"), "folder:pets: has val, but no train"),
    ],
)
def test_mistakes_are_named(make, message):
    make()
    with pytest.raises(DataError, match=message):
        read()


@pytest.mark.parametrize("words", [("Training", "Testing"), ("train", "test")])
def test_parts_have_several_words(words):
    for word in words:
        two_classes(f"parts/{word}", count=3)
    train, lines = read("folder:parts")
    assert (train.counts, lines) == ({"cat": 3, "dog": 3}, [])
    assert read("folder:parts", split="test")[0].name == f"folder:parts/{words[1]}"


def test_folders_beside_the_parts_and_repeated_parts_are_reported():
    for word in ("train", "val", "more"):
        two_classes(f"parts/{word}")
    assert read("folder:parts")[1] == ["folder:parts: beside its parts more is left out."]
    two_classes("parts/Valid")
    with pytest.raises(DataError, match="has Valid and val, which are both for validation"):
        read("folder:parts")


def test_folders_and_links_in_the_folder_of_a_class_are_read_and_reported():
    two_classes()
    save("more/x/9.png", noise(6, 5, seed=9))
    Path("pets/cat/old").symlink_to(Path("more").absolute())
    Path("pets/cat/old/x/back").symlink_to(Path("pets/cat").absolute())  # round in a circle
    images, lines = read()
    assert images.counts == {"cat": 5, "dog": 4}
    assert lines == ["folder:pets: pictures in folders below cat are of that class, too."]


def test_reading_pictures_leaves_the_warnings_of_a_process_alone():
    two_classes(count=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        for size in range(4, 12):
            hptjax.ImageDataset.from_folder("pets", size=size, notify=lambda line: None)
            assert warnings.filters == before


def test_a_warning_names_the_line_of_the_caller():
    two_classes()
    Path("pets/none").mkdir()
    with pytest.warns(UserWarning, match="none has no pictures") as caught:
        hptjax.ImageDataset.from_folder("pets")
    assert [Path(one.filename).name for one in caught] == ["test_folder.py"]


def test_a_replaced_file_of_equal_size_and_time_is_decoded_again():
    for name in ("cat", "dog"):
        save(f"pets/{name}/0.bmp", noise(6, 5, seed=1))
    state = Path("pets/cat/0.bmp").stat()
    read()
    save("pets/cat/0.bmp", noise(6, 5, seed=2))
    os.utime("pets/cat/0.bmp", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert Path("pets/cat/0.bmp").stat().st_size == state.st_size
    np.testing.assert_array_equal(read()[0].images[0, ..., 0], noise(6, 5, seed=2))


def test_what_was_decoded_is_kept_until_a_file_changes(monkeypatch, tmp_path):
    two_classes()
    Path("pets/list.csv").write_text("x")
    first, lines = read()
    decode = folder_files.read_picture
    monkeypatch.setattr(folder_files, "read_picture", lambda *a: pytest.fail("decoded again"))
    again, same = read()
    np.testing.assert_array_equal(first.images, again.images)
    assert lines == same
    monkeypatch.setattr(folder_files, "read_picture", decode)
    save("pets/cat/0.png", noise(6, 5, seed=77))
    os.utime("pets/cat/0.png", ns=(1, 1))
    np.testing.assert_array_equal(read()[0].images[0, ..., 0], noise(6, 5, seed=77))
    kept = list((tmp_path / "cache/hptjax/pictures").iterdir())
    assert len(kept) == 1  # what was decoded before the change is gone
    kept[0].write_bytes(b"PK\x03\x04 damaged")
    np.testing.assert_array_equal(read()[0].images[0, ..., 0], noise(6, 5, seed=77))


def _read_total(_):
    return int(load_images("folder:pets", notify=print).images.sum())


def test_several_processes_may_decode_at_once():
    two_classes(count=30)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_read_total, range(4), chunksize=1))) == 1


def test_a_cache_that_cannot_be_written_is_reported(monkeypatch, tmp_path):
    two_classes()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    images, lines = read()
    assert images.size == 8
    assert "pictures are not kept decoded in" in lines[0]


def test_groups_are_found_in_the_names_of_files():
    for name in ("a", "b"):
        for k in range(4):
            save(f"g/{name}/p{k // 2}-{k}.png", noise(4, 4, seed=k))
    images, _ = read("folder:g", groups=r"p(\d)")
    assert images.groups is not None
    assert images.groups.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    with pytest.raises(ConfigError, match="groups: must be a regular expression on the names"):
        read("folder:g", groups="x(")
    with pytest.raises(ConfigError, match=r"'q' finds nothing in p0-0\.png of folder:g"):
        read("folder:g", groups="q")
    with pytest.raises(ConfigError, match=r"data\.validation\.groups: sample has none"):
        load_images("sample", groups="x")


def test_a_folder_is_suggested(place):
    two_classes()
    with pytest.raises(ConfigError, match="a folder is written 'folder:pets'"):
        load_images("pets")


def test_a_test_part_alone_is_of_the_classes_of_a_network():
    save("t/test/dog/a.png", noise(6, 5))
    part, _ = read("folder:t", split="test", classes=["cat", "dog"])
    assert (part.class_names, part.labels.tolist()) == (("cat", "dog"), [1])
    with pytest.raises(DataError, match="folder:t: has test, but no train"):
        read("folder:t", split="test")
