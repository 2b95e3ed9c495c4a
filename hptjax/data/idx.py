"""Reads idx files, the format of MNIST and FashionMNIST (http://yann.lecun.com/exdb/mnist/)."""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from hptjax.data.archive import DEFLATE_AT_BEST, memory_bytes
from hptjax.errors import DataError

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
HEAD_ROOM = 2**20  # bytes: a small file is read first, so that the error can be precise
_KINDS = {1: "labels (idx1)", 3: "images (idx3)"}


def read_idx_images(path: Path) -> np.ndarray:
    """Reads an idx3 file, gzipped or not, as uint8 [N, H, W, 1]; DataError if damaged."""
    return _read_idx(path, ndim=3)[..., None]


def read_idx_labels(path: Path) -> np.ndarray:
    """Reads an idx1 file, gzipped or not, of labels as int32 [N]; DataError if damaged."""
    return _read_idx(path, ndim=1).astype(np.int32)


def _read_idx(path: Path, ndim: int) -> np.ndarray:
    header = 4 + 4 * ndim  # magic number, then one big-endian 32-bit size per axis
    try:
        with _opened(path) as file:
            head = file.read(header)
            _check_magic(path, head, ndim)
            if len(head) < header:
                raise DataError(
                    f"{path}: truncated: {len(head)} bytes, but the header alone has {header}."
                )
            shape = tuple(int(size) for size in np.frombuffer(head, ">u4", count=ndim, offset=4))
            expected = math.prod(shape)
            _check_size(path, shape, header + expected)
            data = file.read(expected + 1)  # no more, whatever follows; the end checks the checksum
    except EOFError as error:
        raise DataError(f"{path}: truncated gzip file; fetch it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a sound gzip file ({error}); fetch it again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(data) != expected:
        more = len(data) > expected
        what, got = ("has bytes left over", "more") if more else ("truncated", header + len(data))
        raise DataError(
            f"{path}: {what}: its header says {shape}, that is {header + expected} bytes, "
            f"got {got}."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    """Opens the file; unpacks it if it is gzipped, whatever its name."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(IO[bytes], gzip.open(path)) if packed or path.suffix == ".gz" else path.open("rb")


def _check_size(path: Path, shape: tuple[int, ...], expected: int) -> None:
    """Raises DataError if the file cannot hold so many bytes, before memory is reserved."""
    most = min(DEFLATE_AT_BEST * path.stat().st_size + HEAD_ROOM, memory_bytes())
    if expected > most:
        raise DataError(f"{path}: truncated: its header says {shape}, that is {expected} bytes.")


def _check_magic(path: Path, data: bytes, ndim: int) -> None:
    if len(data) < 4:
        raise DataError(f"{path}: truncated: {len(data)} bytes, no idx header.")
    zeros, kind, found = data[:2], data[2], data[3]
    if zeros != b"\0\0" or kind != _UNSIGNED_BYTE:
        raise DataError(
            f"{path}: not an idx file of bytes: magic number 0x{data[:4].hex()}, "
            f"expected 0x000008{ndim:02x}."
        )
    if found != ndim:
        got = _KINDS.get(found, f"{found} axes")
        raise DataError(
            f"{path}: holds {got} where {_KINDS[ndim]} were expected: "
            "are the image and the label file swapped?"
        )
