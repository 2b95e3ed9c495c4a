"""Idx files: reading, and every way in which a file can be damaged."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hptjax.data.idx import read_idx_images, read_idx_labels
from hptjax.errors import DataError
from tests.data_files import idx_bytes, write_gz


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
        (GOOD + b"\0", r"x\.gz: has bytes left over: its header says .* 40 bytes, got more"),
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


def test_a_header_that_says_more_than_the_file_can_hold(tmp_path: Path) -> None:
    header = idx_bytes(np.zeros((0, 1, 1)))[:4] + b"\xff" * 12
    with pytest.raises(DataError, match=r"x\.gz: truncated: its header says \(4294967295, "):
        read_idx_images(write_gz(tmp_path / "x.gz", header))


def test_no_more_is_unpacked_than_the_header_says(tmp_path: Path) -> None:
    path = write_gz(tmp_path / "x.gz", GOOD + bytes(2**28))  # 256 MiB of zeros
    tracemalloc.start()
    with pytest.raises(DataError, match="has bytes left over"):
        read_idx_images(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_unreadable_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_idx_images(tmp_path)
    with pytest.raises(DataError, match=r"none\.gz: cannot be read: No such file"):
        read_idx_images(tmp_path / "none.gz")
