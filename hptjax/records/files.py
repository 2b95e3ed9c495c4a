"""Writes files whole or not at all."""

import errno
import os
from contextlib import suppress
from io import RawIOBase
from pathlib import Path

from hptjax.errors import ConfigError


def write_all(file: RawIOBase, content: bytes) -> None:
    """Writes all bytes to an unbuffered file, which may take only some of them at a time.

    Raises OSError if the file takes no more; it then holds the bytes written so far.
    """
    left = memoryview(content)
    while left:
        written = file.write(left)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left = left[written:]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a new file beside the old one, syncs it, and then replaces the old one.

    If a killed process left something, or a link, under the name of the new file, that is removed.
    Raises OSError, and then leaves the old file unchanged.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb", buffering=0) as file:
            write_all(file, content)
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)  # give a full disk its space back
        raise


def prove_writable(folder: Path, option: str) -> None:
    """Proves that a folder can be written, before an hour of training and not after it.

    option: the option that named the folder, for the ConfigError. The test file is removed.
    """
    probe = folder / ".hptjax-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(probe, b"written")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"{option}: cannot write it: {folder}: {error.strerror}.") from None


def sync_folder(folder: Path) -> None:
    """Syncs a folder, so that the names of its files are on the disk, if the system can do so."""
    with suppress(OSError):  # not every file system syncs folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
