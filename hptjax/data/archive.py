"""Reads the arrays of an .npz file safely, one at a time: it may be damaged or hostile."""

import math
import os
import warnings
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np

from hptjax.errors import DataError, shown_key

DEFLATE_AT_BEST = 1100  # bytes from one byte: a little more than deflate can do
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of np.savez and np.savez_compressed
_LONGEST_END = 22 + 2**16  # bytes of a zip file's last record, with its comment
_CHUNK = 2**24
_MOST_BYTES = 2**34  # if the machine does not tell its memory


class Header(NamedTuple):
    """The shape and type that an array's header states."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool


class Archive:
    """An open .npz file: it reads headers at once, and arrays when asked.

    `headers` holds {name: Header}. Raises DataError, in one line, for a file that is missing,
    damaged, encrypted, of another format, or that would fill the memory.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise DataError(
                f"{path}: is a folder, not an .npz file; a folder of pictures is written "
                f"'folder:{path}'."
            )
        if not path.is_file():
            raise DataError(f"{path}: there is no such file.")
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except PermissionError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
        except Exception:  # of some ten kinds, for damaged bytes
            raise DataError(f"{path}: not an .npz archive, or a truncated one.") from None
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.headers: dict[str, Header] = {}
        try:
            self._read_headers()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def read(self, name: str) -> np.ndarray:
        """Returns one of its arrays, checked to the last byte."""
        try:
            with self._zip.open(self._members[name]) as file:
                header, _ = _read_header(file)
                count = math.prod(header.shape)
                array = np.empty(count, header.dtype)
                _fill(file, array.view(np.uint8) if count else np.empty(0, np.uint8))
            return array.reshape(header.shape, order="F" if header.fortran else "C")
        except DataError as error:
            raise DataError(f"{self.path}: {shown_key(name)}: {error}") from None
        except MemoryError:
            raise DataError(f"{self.path}: {shown_key(name)}: is larger than the memory.") from None
        except Exception as error:  # of some ten kinds, for damaged bytes
            raise self._unsound(error) from None

    def _read_headers(self) -> None:
        listed, said = len(self._zip.infolist()) % 2**16, _members_said(self.path)
        if listed != said:  # zipfile does not check: a damaged entry may swallow the next one
            raise DataError(f"{self.path}: not a sound .npz file ({listed} of {said} arrays).")
        for member in self._zip.infolist():
            name = member.filename.removesuffix(".npy")
            try:
                if name in self.headers:
                    raise DataError("is there twice.")
                self.headers[name] = _checked_header(self._zip, member)
            except DataError as error:
                raise DataError(f"{self.path}: {shown_key(name)}: {error}") from None
            except Exception as error:  # of some ten kinds, for damaged bytes
                raise self._unsound(error) from None
            self._members[name] = member

    def _unsound(self, error: Exception) -> DataError:
        reason = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        return DataError(f"{self.path}: not a sound .npz file ({reason}).")


def _checked_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    if member.flag_bits & 1:
        raise DataError("is encrypted: save it without a password.")
    if member.compress_type not in _METHODS:
        raise DataError(
            f"is compressed by method {member.compress_type}: use np.savez or np.savez_compressed."
        )
    if not member.filename.endswith(".npy"):
        raise DataError("is no array (.npy): use np.savez.")
    if member.file_size > DEFLATE_AT_BEST * max(member.compress_size, 1):
        raise DataError(
            f"{member.file_size} bytes cannot come out of {member.compress_size}: it is damaged."
        )
    if member.file_size > memory_bytes():
        raise DataError(f"its {member.file_size} bytes are more than the machine's memory.")
    with archive.open(member) as file:
        header, length = _read_header(file)
    held, said = member.file_size - length, math.prod(header.shape) * header.dtype.itemsize
    if held != said:
        raise DataError(
            f"its header says {header.shape} of {header.dtype}, {said} bytes, it holds {held}."
        )
    return header


def _read_header(file: IO[bytes]) -> tuple[Header, int]:
    """Returns the header of an .npy file, and its length in bytes."""
    version = np.lib.format.read_magic(file)
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(f"is of version {version} of the .npy format, 1.0 and 2.0 are read.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged headers are invalid Python syntax
        shape, fortran, dtype = readers[version](file)
    if dtype.hasobject:
        raise DataError(
            "holds Python objects, which are never read: save numbers, or text as "
            "np.array(names, dtype=str)."
        )
    if any(side < 0 for side in shape) or (dtype.itemsize == 0 and math.prod(shape)):
        raise DataError(f"its header says {shape} of {dtype}, which is no array.")
    return Header(shape, dtype, fortran), file.tell()


def _fill(file: IO[bytes], buffer: np.ndarray) -> None:
    """Fills the buffer exactly; at the end of the file zipfile checks the checksum."""
    place = 0
    while place < len(buffer):
        chunk = file.read(min(_CHUNK, len(buffer) - place))
        if not chunk:
            raise DataError("ends too early.")
        buffer[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
        place += len(chunk)
    if file.read(1):
        raise DataError("has bytes left over.")


def _members_said(path: Path) -> int:
    """Returns the number of members stated at the end of a zip file, modulo 2**16."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    return int.from_bytes(tail[place + 10 : place + 12], "little")


def memory_bytes() -> int:
    """Returns the bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _MOST_BYTES
