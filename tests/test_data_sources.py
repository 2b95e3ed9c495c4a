"""Where images come from: idx files, the sample, npz, tfds, downloads, and every error's text."""

import gzip
import hashlib
import struct
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pooch
import pytest

from hptjax.data import fashion_mnist, load_images
from hptjax.data.idx import read_idx_images, read_idx_labels
from hptjax.data.npz import SAMPLE_PATH
from hptjax.errors import ConfigError, DataError, MissingExtraError


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_gz(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0))
    return path


def write_fashion_mnist(folder: Path, mark: int = 0, split: str = "train") -> Path:
    """Writes a split of five images whose first pixel is the mark."""
    images, labels = np.full((5, 28, 28), mark), np.arange(5)
    for name, array in zip(fashion_mnist.FILES[split], (images, labels), strict=True):
        write_gz(folder / name, idx_bytes(array))
    return folder


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data of this machine's is found, nothing is downloaded but what a test serves."""
    monkeypatch.delenv("HPTJAX_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "no-debian")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)


# --- idx files ---


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5), (7, 28, 28)])
def test_idx_images_read_back(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape)
    read = read_idx_images(write_gz(tmp_path / "x.gz", idx_bytes(images)))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, images[..., None])


def test_idx_labels_read_back(tmp_path: Path) -> None:
    read = read_idx_labels(write_gz(tmp_path / "y.gz", idx_bytes(np.array([0, 9, 255]))))
    assert read.dtype == np.int32
    assert read.tolist() == [0, 9, 255]


GOOD = idx_bytes(np.zeros((2, 3, 4)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GOOD[:-1], r"x\.gz: truncated: its header says \(2, 3, 4\), that is 40 bytes, got 39"),
        (GOOD + b"\0", r"x\.gz: has bytes left over: its header says .* 40 bytes, got 41"),
        (GOOD[:9], r"x\.gz: truncated: 9 bytes, but the header alone has 16"),
        (b"\0\0", r"x\.gz: truncated: 2 bytes, no idx header"),
        (
            b"\x7fELF" + GOOD,
            r"x\.gz: not an idx file of bytes: magic number 0x7f454c46, .*00000803",
        ),
        (b"\0\0\x0d\3" + GOOD[4:], r"not an idx file of bytes: magic number 0x00000d03"),
        (idx_bytes(np.zeros(3)), r"x\.gz: holds labels \(idx1\) where images \(idx3\) .* swapped"),
        (idx_bytes(np.zeros((2, 2))), r"x\.gz: holds 2 axes where images"),
    ],
)
def test_bad_idx_content(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_idx_images(write_gz(tmp_path / "x.gz", data))


def test_images_where_labels_should_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds images \(idx3\) where labels \(idx1\) .* swapped"):
        read_idx_labels(write_gz(tmp_path / "y.gz", GOOD))


@pytest.mark.parametrize("kept", [0, 5, 12, 25])
def test_truncated_gzip(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(GOOD)[:kept])
    with pytest.raises(DataError, match=r"x\.gz: .*truncated"):
        read_idx_images(path)


def test_not_gzip_and_corrupt_gzip(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(DataError, match=r"x\.gz: not a sound gzip file .*fetch it again"):
        read_idx_images(path)
    noise = np.random.default_rng(0).integers(0, 256, (2, 9, 9))
    damaged = bytearray(gzip.compress(idx_bytes(noise)))
    damaged[60] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match=r"x\.gz: not a sound gzip file"):
        read_idx_images(path)


def test_unreadable_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_idx_images(tmp_path)
    with pytest.raises(DataError, match=r"none\.gz: cannot be read: No such file"):
        read_idx_images(tmp_path / "none.gz")


# --- fashion_mnist: which folder, and what is wrong in it ---


def test_data_dir_goes_before_the_environment_before_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = write_fashion_mnist(tmp_path / "debian", mark=3)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", debian)
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 3
    monkeypatch.setenv("HPTJAX_DATA", str(tmp_path / "env"))
    write_fashion_mnist(tmp_path / "env" / "fashion-mnist", mark=2)  # the folder in the folder
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 2
    given = write_fashion_mnist(tmp_path / "given", mark=1)
    dataset = load_images("fashion_mnist", data_dir=given)
    assert dataset.images[0, 0, 0, 0] == 1
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4]
    assert (dataset.image_shape, dataset.num_classes) == ((28, 28, 1), 10)


def test_splits_are_different_files(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path, mark=1)
    write_fashion_mnist(tmp_path, mark=2, split="test")
    assert load_images("fashion_mnist", split="train", data_dir=tmp_path).images.max() == 1
    assert load_images("fashion_mnist", split="test", data_dir=tmp_path).images.max() == 2


def test_missing_from_a_given_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fashion_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    message = r"data_dir is .*, but train-labels-idx1-ubyte.gz is not there .*unset data_dir"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist", data_dir=tmp_path)
    monkeypatch.setenv("HPTJAX_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"\$HPTJAX_DATA is .*nowhere, but train-images"):
        load_images("fashion_mnist")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ((4, 28, 28), range(5), "4 images but .*labels-idx1-ubyte.gz has 5 labels: .*same split"),
        ((5, 28, 27), range(5), "train-images.*: FashionMNIST images are 28 x 28 .* got 28 x 27"),
        ((2, 28, 28), [3, 10], r"train-labels.*: labels must be in 0..9, got 10 at index 1"),
        ((0, 28, 28), [], "images must not be empty"),
    ],
)
def test_files_that_are_not_fashion_mnist(
    tmp_path: Path, images: tuple, labels: list, message: str
) -> None:
    images_name, labels_name = fashion_mnist.FILES["train"]
    write_gz(tmp_path / images_name, idx_bytes(np.zeros(images)))
    write_gz(tmp_path / labels_name, idx_bytes(np.array(list(labels))))
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist", data_dir=tmp_path)


def test_swapped_files(tmp_path: Path) -> None:
    images_name, labels_name = fashion_mnist.FILES["train"]
    write_gz(tmp_path / labels_name, idx_bytes(np.zeros((5, 28, 28))))
    write_gz(tmp_path / images_name, idx_bytes(np.arange(5)))
    with pytest.raises(DataError, match=r"train-images.*: holds labels .*swapped\?"):
        load_images("fashion_mnist", data_dir=tmp_path)


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="no dataset-fashion-mnist"
)
def test_the_real_files_of_debian() -> None:
    dataset = load_images(
        "fashion_mnist", split="test", data_dir=Path("/usr/share/datasets/fashion-mnist")
    )
    assert dataset.image_shape == (28, 28, 1)
    assert np.bincount(dataset.labels).tolist() == [1000] * 10


# --- fashion_mnist: downloads, from a server of this machine's ---


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Serves a tiny FashionMNIST, whose checksums are the expected ones."""
    folder = write_fashion_mnist(tmp_path / "served", mark=9)
    sums = {
        path.name: "md5:" + hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    http.requests = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{http.server_port}/"
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (url,))
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", sums)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield SimpleNamespace(url=url, folder=folder, requests=http.requests)  # type: ignore[attr-defined]
    http.shutdown()
    thread.join()
    http.server_close()


def cached_files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_download_once_into_the_cache(tmp_path: Path, server: SimpleNamespace) -> None:
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 9
    assert cached_files(tmp_path) == sorted(fashion_mnist.FILES["train"])
    load_images("fashion_mnist")
    assert len(server.requests) == 2  # one for each file: the second time none


def test_damaged_cache_is_fetched_again(tmp_path: Path, server: SimpleNamespace) -> None:
    load_images("fashion_mnist")
    name = fashion_mnist.FILES["train"][0]
    (tmp_path / "cache" / "hptjax" / "fashion-mnist" / name).write_bytes(b"torn")
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 9


def test_wrong_checksum_leaves_no_file(tmp_path: Path, server: SimpleNamespace) -> None:
    name = fashion_mnist.FILES["train"][0]
    write_gz(server.folder / name, idx_bytes(np.zeros((5, 28, 28))))
    expected = fashion_mnist.CHECKSUMS[name]
    message = f"{name} could not be downloaded .*another checksum than {expected}.*data_dir or"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist")
    assert cached_files(tmp_path) == []


def test_next_mirror_is_tried(server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (server.url + "gone/", server.url))
    assert load_images("fashion_mnist").size == 5
    assert any(path.startswith("/gone/") for path in server.requests)


def test_no_mirror_answers(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = (server.url + "gone/", "http://127.0.0.1:9/")  # 9: the discard port, nobody listens
    monkeypatch.setattr(fashion_mnist, "MIRRORS", mirrors)
    message = "Tried http.*/gone/train.*404.*; http://127.0.0.1:9/train.*ConnectionError"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist")
    assert cached_files(tmp_path) == []


def test_the_published_checksums_are_named_for_every_file() -> None:
    names = {name for pair in fashion_mnist.FILES.values() for name in pair}
    assert set(fashion_mnist.CHECKSUMS) == names


# --- the sample ---


@pytest.mark.parametrize(("split", "per_class"), [("train", 600), ("test", 100)])
def test_sample_is_balanced_fashion_mnist(split: str, per_class: int) -> None:
    sample = load_images("sample", split=split)
    assert sample.image_shape == (28, 28, 1)
    assert np.bincount(sample.labels).tolist() == [per_class] * 10
    assert sample.class_names == fashion_mnist.CLASS_NAMES
    trousers, bags = (sample.images[sample.labels == label] for label in (1, 8))
    assert bags.mean() > 1.3 * trousers.mean()  # a trouser covers little of its image
    assert len(np.unique(sample.images.reshape(sample.size, -1), axis=0)) > 0.99 * sample.size


def test_sample_is_small_and_names_its_license() -> None:
    assert SAMPLE_PATH.stat().st_size <= 4 * 2**20
    notice = SAMPLE_PATH.with_name("FASHION-MNIST-LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in notice
    assert "Zalando SE" in notice


# --- npz ---


def write_npz(path: Path, **arrays: object) -> str:
    np.savez(path, **{key: np.asarray(value) for key, value in arrays.items()})  # type: ignore[arg-type]
    return f"npz:{path}"


IMAGES = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)


def test_npz_with_splits(tmp_path: Path) -> None:
    splits = {"x_train": IMAGES, "y_train": [0, 1, 0, 1], "x_test": IMAGES[:1], "y_test": [[4]]}
    source = write_npz(tmp_path / "a.npz", **splits)
    train, test = (load_images(source, split=split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, IMAGES[..., None])
    assert train.class_names == test.class_names == ("0", "1", "2", "3", "4")
    assert test.labels.tolist() == [4]
    assert test.labels.dtype == np.int32


def test_npz_of_one_set_relative_to_data_dir(tmp_path: Path) -> None:
    colour = np.zeros((4, 3, 3, 3), np.uint8)
    write_npz(tmp_path / "a.npz", images=colour, labels=[0, 1, 1, 0], class_names=["cat", "dog"])
    dataset = load_images("npz:a.npz", data_dir=tmp_path)
    assert dataset.image_shape == (3, 3, 3)
    assert dataset.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, r"a\.npz: needs the arrays x_train and y_train, or .* it holds x\."),
        (
            {"images": IMAGES, "labels": [0.0] * 4},
            "labels: labels must be whole numbers, got float",
        ),
        ({"images": IMAGES, "labels": [-1, 0, 0, 0]}, r"labels must be 0 or more, got -1\.\.0"),
        ({"images": IMAGES, "labels": [0]}, r"a\.npz .*: 4 images but 1 labels"),
        ({"images": IMAGES / 255, "labels": [0] * 4}, r"a\.npz .*must be uint8 .* got float64"),
        ({"images": [b"x"], "labels": [0]}, r"a\.npz .*: images must be uint8"),
        (
            {"images": IMAGES, "labels": [0, 1, 2, 0], "class_names": ["a", "b"]},
            r"labels must be in 0\.\.1, got 2 at index 2",
        ),
    ],
)
def test_npz_errors(tmp_path: Path, arrays: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_images(write_npz(tmp_path / "a.npz", **arrays))


def test_npz_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"a\.npz: there is no such file"):
        load_images(f"npz:{path}")
    write_npz(path, images=IMAGES, labels=[0] * 4)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"a\.npz: not an \.npz archive, or a truncated one"):
        load_images(f"npz:{path}")
    write_npz(path, images=IMAGES, labels=[0] * 4)
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match=r"a\.npz: not a sound \.npz file \(Bad CRC"):
        load_images(f"npz:{path}")
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataError, match=r"a\.npz: not an \.npz archive"):
        load_images(f"npz:{path}")


def test_npz_never_unpickles(tmp_path: Path) -> None:
    source = write_npz(tmp_path / "a.npz", images=np.array([object()]), labels=[0])
    with pytest.raises(DataError, match="allow_pickle=False"):
        load_images(source)


# --- tfds ---


class FakeBuilder:
    """As much of a tensorflow-datasets builder as is used of it."""

    def __init__(self, data_path: Path, features: dict, examples: list) -> None:
        self.data_path = data_path
        self.info = SimpleNamespace(features=features, splits={"train": None})
        self.examples = examples

    def as_data_source(self, split: str) -> list:
        return self.examples


def fake_tfds(monkeypatch: pytest.MonkeyPatch, builder: FakeBuilder) -> None:
    class DatasetNotFoundError(ValueError):
        pass

    def make(name: str, *, data_dir: str | None, file_format: str) -> FakeBuilder:
        assert file_format == "array_record"  # the only format that is read without TensorFlow
        if name != "tiny":
            raise DatasetNotFoundError(f"Dataset {name} not found.\nCheck the list")
        return builder

    module = ModuleType("tensorflow_datasets")
    core = SimpleNamespace(DatasetNotFoundError=DatasetNotFoundError)
    module.builder, module.core = make, core  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


FEATURES = {"image": None, "label": SimpleNamespace(names=["cat", "dog"])}
EXAMPLES = [{"image": np.full((2, 2, 1), i, np.uint8), "label": i % 2} for i in range(3)]


def test_tfds_reads_prepared_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, FEATURES, EXAMPLES))
    dataset = load_images("tfds:tiny")
    assert dataset.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert dataset.labels.tolist() == [0, 1, 0]
    assert dataset.class_names == ("cat", "dog")


def test_tfds_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # import raises
    message = r"tfds:tiny needs tensorflow-datasets: install it with  pip install 'hptjax\[tfds\]'"
    with pytest.raises(MissingExtraError, match=message):
        load_images("tfds:tiny")
    fake_tfds(monkeypatch, FakeBuilder(tmp_path / "unprepared", FEATURES, EXAMPLES))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = r"not yet prepared as array_record files in .*unprepared, needs tensorflow: install"
    with pytest.raises(MissingExtraError, match=message):
        load_images("tfds:tiny")


def test_tfds_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uneven = [*EXAMPLES, {"image": np.zeros((3, 2, 1), np.uint8), "label": 0}]
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, FEATURES, uneven))
    with pytest.raises(DataError, match="tfds:tiny train: images must all be of one size, got 2"):
        load_images("tfds:tiny")
    with pytest.raises(DataError, match="tfds:tiny: has no split 'test', only train"):
        load_images("tfds:tiny", split="test")
    with pytest.raises(DataError, match=r"tfds:huge: no such dataset: Dataset huge not found\.$"):
        load_images("tfds:huge")
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, {"audio": None, "label": None}, []))
    with pytest.raises(DataError, match="the features image and label, this one has audio, label"):
        load_images("tfds:tiny")


# --- the name of the source ---


@pytest.mark.parametrize("source", ["mnist", "", "npz:", "tfds:", "npz", "sample:x", "zip:a"])
def test_unknown_source(source: str) -> None:
    with pytest.raises(ConfigError, match=f"must be sample, fashion_mnist, .*, got '{source}'"):
        load_images(source)


def test_unknown_split() -> None:
    with pytest.raises(ConfigError, match="split must be train or test, got 'validation'"):
        load_images("sample", split="validation")  # type: ignore[arg-type]
