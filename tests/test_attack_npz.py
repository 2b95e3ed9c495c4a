"""Npz files that are damaged or made to harm: the same images, or one line."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from hptjax.data import load_images
from hptjax.errors import DataError

CASES = 300
RNG = np.random.default_rng(0)
PARTS = {
    "x_train": RNG.integers(0, 256, (12, 5, 5, 3), np.uint8),
    "y_train": np.arange(12) % 3,
    "x_val": RNG.integers(0, 256, (4, 5, 5, 3), np.uint8),
    "y_val": np.arange(4) % 3,
    "class_names": np.array(["cat", "dog", "hen"]),
}


def packed(compressed: bool) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **PARTS)
    return file.getvalue()


def one_line(path: Path, split: str = "train"):
    """The images and labels of a split, or None where it is refused in one line."""
    try:
        dataset = load_images(f"npz:{path}", split=split, notify=lambda line: None)  # type: ignore[arg-type]
    except DataError as error:
        line = str(error)
        if str(path) not in line or "\n" in line or len(line) > 600:
            raise AssertionError("not one line that names the file") from error
        return None
    return dataset.images, dataset.labels, dataset.class_names


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 4)):
        out[place] ^= 1 << rng.integers(0, 8)
    return bytes(out)


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted(rng.integers(0, len(data), 2))
    return [data[:end], data[start:], data[:start] + data[end:]][rng.integers(0, 3)]


def swapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Two stretches of equal length change places: headers of members, as a rule."""
    out, length = bytearray(data), int(rng.integers(4, 64))
    a, b = rng.integers(0, len(data) - length, 2)
    out[a : a + length], out[b : b + length] = data[b : b + length], data[a : a + length]
    return bytes(out)


def in_central_directory(data: bytes, rng: np.random.Generator) -> bytes:
    start = data.index(b"PK\x01\x02")
    return data[:start] + flipped(data[start:], rng)


DAMAGE = (flipped, truncated, swapped, in_central_directory)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_gives_the_same_images_or_one_line(tmp_path, damage, compressed) -> None:
    whole, path = packed(compressed), tmp_path / "a.npz"
    path.write_bytes(whole)
    right = {split: one_line(path, split) for split in ("train", "validation")}
    rng = np.random.default_rng([7, DAMAGE.index(damage), compressed])
    refused = 0
    for _ in range(CASES // len(DAMAGE)):
        path.write_bytes(damage(whole, rng))
        for split, wanted in right.items():
            found = one_line(path, split)
            refused += found is None
            if found is not None:
                assert wanted is not None
                assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert refused > CASES // len(DAMAGE) // 4


def npy(descr: str, shape: str, data: bytes = b"", order: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def write(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


LABELS = npy("'|u1'", "(4,)", bytes([0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (npy("'|u1'", "(1000000000000, 5, 5)"), "its header says .* bytes, it holds 0"),
        (npy("'|u1'", "(4, -2, -2)", bytes(16)), "which is no array"),
        (npy("'|u1'", "(4, 2, 2)", bytes(15)), "it holds 15"),
        (npy("'|u1'", "(4, 2, 2)", bytes(17)), "it holds 17"),
        (npy("'|O'", "(4, 2, 2)", bytes(128)), "holds Python objects"),
        (npy("[('a', 'O')]", "(4,)", bytes(32)), "holds Python objects"),
        (npy("'<U0'", "(4, 2, 2)"), "which is no array"),
        (npy("'(2,2)u1'", "(4,)", bytes(16)), "not a sound"),
        (npy("'|u1'", "(" * 900 + ")" * 900), "not a sound"),
        (npy("'|u1'", "4"), "not a sound"),
        (npy("'|u1'", "(True, 2, 2)", bytes(4)), "not a sound"),
        (npy("'|u1'", "(1e3,)"), "not a sound"),
        (npy("'u99'", "(4,)"), "not a sound"),
        (npy("'|u1'", "(4, 2, 2, 0)"), "images must not be empty"),
        (npy("'|u1'", f"({'9' * 5000}, 0)"), "not a sound"),
        (npy("'<f4'", "(4, 2, 2)", b"\x00\x00\xc0\x7f" * 16), "finite numbers"),
        (npy("'<M8[s]'", "(4, 2, 2)", bytes(128)), "images must be numbers"),
        (b"\x93NUMPY\x09\x00" + bytes(200), r"version \(9, 0\)"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(200), "not a sound"),
        (b"", "not a sound"),
        (b"GIF89a", "not a sound"),
    ],
)
def test_headers_made_to_harm(tmp_path: Path, images: bytes, message: str) -> None:
    path = write(tmp_path / "a.npz", images=images, labels=LABELS)
    with pytest.raises(DataError, match=message) as caught:
        load_images(f"npz:{path}")
    assert str(path) in str(caught.value)


def test_fortran_order_is_read(tmp_path: Path) -> None:
    images = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    data = npy("'|u1'", "(4, 2, 3)", images.tobytes("F"), order="True")
    path = write(tmp_path / "a.npz", images=data, labels=LABELS)
    np.testing.assert_array_equal(load_images(f"npz:{path}").images[..., 0], images)


def test_methods_and_locks_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", LABELS)
    with pytest.raises(DataError, match=r"images: is compressed by method 14: use np\.savez"):
        load_images(f"npz:{path}")
    data = bytearray(write(path, images=LABELS, labels=LABELS).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="images: is encrypted: save it without a password"):
        load_images(f"npz:{path}")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", LABELS)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("images.npy", LABELS)
    with pytest.raises(DataError, match="images: is there twice"):
        load_images(f"npz:{path}")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """256 MiB of zeros where the directory says 16 bytes; 16 GiB where the file has 40 bytes."""
    data = npy("'|u1'", "(4, 2, 2)", bytes(2**28))
    path = write(tmp_path / "a.npz", images=data, labels=LABELS)
    raw = bytearray(path.read_bytes())
    size = struct.pack("<I", len(data))
    said = npy("'|u1'", "(4, 2, 2)", bytes(16))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = raw.index(mark) + offset
        assert raw[place : place + 4] == size
        raw[place : place + 4] = struct.pack("<I", len(said))
        raw[place - 8 : place - 4] = struct.pack("<I", zlib.crc32(said))
    path.write_bytes(bytes(raw))
    tracemalloc.start()
    found = one_line(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23
    assert found is None or found[0].shape == (4, 2, 2, 1)
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = b"\xff\xff\xff\xfe"
    path.write_bytes(bytes(raw))
    assert one_line(path) is None
