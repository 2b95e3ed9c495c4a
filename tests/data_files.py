"""Small data files for the tests of the sources, on a machine without data of its own."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pooch
import pytest

from hptjax.data import fashion_mnist


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


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data of this machine's is found, nothing is downloaded but what a test serves."""
    monkeypatch.delenv("HPTJAX_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "no-debian")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
