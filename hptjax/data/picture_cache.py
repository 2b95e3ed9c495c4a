"""Keeps a folder's decoded pictures in the user's cache: the next run need not decode them."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs

from hptjax.data.archive import Archive
from hptjax.errors import DataError

FORM = 2  # of the cached arrays and of the decoding: raise it if either changes


class Decoded(NamedTuple):
    """Images uint8 [M, H, W, C] of the files with these indices [M], and what was done to them."""

    images: np.ndarray
    kept: np.ndarray
    lines: tuple[str, ...]


def cache_path(folder: Path, files: Sequence[Path], options: Any) -> Path:
    """Returns the path for the decoded files of a folder.

    Its name follows from how the files are decoded, their paths, sizes and times, and from what
    another file never shares: its place on the disk and when that was written. A file that cannot
    be inspected, such as a broken link, counts as one that cannot be decoded.
    """
    place = json.dumps([str(folder.absolute()), options])
    content = hashlib.blake2b(json.dumps([FORM, place]).encode(), digest_size=16)
    for file in files:
        try:
            stat = file.stat()
            state = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
        except OSError:
            state = ()
        content.update(json.dumps([str(file.relative_to(folder)), *state]).encode())
    start = hashlib.blake2b(place.encode(), digest_size=8).hexdigest()
    cache = Path(platformdirs.user_cache_dir("hptjax")) / "pictures"
    return cache / f"{start}-{content.hexdigest()}.npz"


def read_cached(path: Path) -> Decoded | None:
    """Returns the content of the cache; None if there is nothing, or if it is not sound."""
    if not path.is_file():
        return None
    try:
        with Archive(path) as archive:
            images, kept, lines = (archive.read(key) for key in Decoded._fields)
            return Decoded(images, kept, tuple(lines.tolist()))
    except (DataError, OSError, KeyError):  # for instance while another process replaces it
        return None


def write_cached(path: Path, decoded: Decoded) -> str | None:
    """Writes a file that appears only when it is whole; returns why that failed, or None.

    It removes the files of earlier states of the folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".part")
    except OSError as error:
        return error.strerror
    try:
        with os.fdopen(handle, "wb") as file:
            lines = np.array(decoded.lines, dtype=str)
            np.savez(file, images=decoded.images, kept=decoded.kept, lines=lines)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        return error.strerror
    for other in path.parent.glob(f"{path.name.partition('-')[0]}-*.npz"):
        if other != path:
            other.unlink(missing_ok=True)
    return None
