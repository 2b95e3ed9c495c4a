"""Files that are written whole or not at all."""

import errno
import os
from contextlib import suppress
from io import RawIOBase
from pathlib import Path

from hptjax.errors import ConfigError


def write_all(file: RawIOBase, content: bytes) -> None:
    """Writes all of it to an unbuffered file, which may take less at a time.

    Raises OSError where it takes no more; what it took is then in the file.
    """
    left = memoryview(content)
    while left:
        written = file.write(left)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left = left[written:]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file beside the old one and puts it in its place once it is on the disk.

    A leftover of a killed process, or a link, under the name of the new file goes. Raises OSError,
    and then leaves the old file as it was.
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
            temporary.unlink(missing_ok=True)  # a full disk should get its space back
        raise


def prove_writable(folder: Path, option: str) -> None:
    """Makes a folder and a file in it, which goes again: before an hour of training, not after.

    option: what named it, for the ConfigError where that is refused.
    """
    probe = folder / ".hptjax-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(probe, b"written")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"{option}: cannot write it: {folder}: {error.strerror}.") from None


def sync_folder(folder: Path) -> None:
    """Has the names of a folder's files on the disk, where a system can be told so."""
    with suppress(OSError):  # not every file system syncs folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
