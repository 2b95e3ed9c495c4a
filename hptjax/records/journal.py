"""The journal of a run, its only source of truth: append-only JSON lines with checksums.

One line is `{"crc32": "xxxxxxxx", "record": {...}}`. The checksum is over the record's JSON text
with sorted keys. The line itself keeps the order of the keys, for that is the order of a space's
axes. An append returns when its line is on the disk; if the disk takes only a part of the line, the
append removes that part. A kill can tear only the last line: a torn last line is dropped, and a bad
line anywhere else is an error.
"""

import json
import os
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from hptjax.errors import ConfigError, DataError
from hptjax.records.files import sync_folder, write_all

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    raise ImportError(
        "hptjax runs on Linux and macOS; on Windows use it in WSL: this system has no fcntl, which "
        "locks the journal of a run."
    ) from None

START = b'{"crc32":"'
TRIES, LOOK_S = 3, 0.05  # tries to lock a journal; seconds between two tries


def encode_line(record: Mapping[str, Any]) -> bytes:
    """The journal line of a record, newline included; raises ValueError for NaN or infinity."""
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return f'{{"crc32":"{_checksum(record)}","record":{text}}}\n'.encode()


def _checksum(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{zlib.crc32(text.encode()):08x}"


def _decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of one line (without its newline); None if the line is damaged."""
    try:
        entry = json.loads(line)
        record = entry["record"]
        sound = entry.get("crc32") == _checksum(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if sound and isinstance(record, dict) else None


def _torn_first(content: bytes) -> bool:
    """Whether this may be a torn first line; if not, the file may belong to another program."""
    return b"\n" not in content and content[: len(START)] == START[: len(content)]


def read_journal(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The records of a journal, and the length in bytes of its undamaged part.

    Raises DataError if it cannot be read, or if a line that no kill can have torn is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from None
    records, position = [], 0
    while position < len(content):
        end = content.find(b"\n", position)
        record = None if end < 0 else _decode_line(content[position:end])
        if record is None:
            if 0 <= end < len(content) - 1 or (not records and not _torn_first(content)):
                raise DataError(
                    f"{path}, line {len(records) + 1}: checksum does not match; the journal is "
                    "damaged. Restore it from a copy, or start a new run with another --out."
                )
            break
        records.append(record)
        position = end + 1
    return records, position


def is_open(path: Path) -> bool:
    """Whether a process has the journal open for appending."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file is gone, or its file system has no locks
        return False
    return False


def _lock(file: IO[bytes]) -> None:
    """Locks a journal; BlockingIOError if another process writes. `is_open` locks it briefly."""
    for _ in range(TRIES - 1):
        with suppress(BlockingIOError):
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(LOOK_S)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Journal:
    """A journal open for appending, locked against other processes; `records` are those it held.

    Raises DataError for a damaged line, ConfigError if another process is writing to it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self.folder = path, path.parent
        self._file = path.open("ab", buffering=0)
        try:
            _lock(self._file)
            self.records, self._sound = read_journal(path)
            self._file.truncate(self._sound)
        except BlockingIOError:
            self._file.close()
            raise ConfigError(
                f"{path.parent}: another process is writing to this run; wait for it, or use "
                "another --out."
            ) from None
        except (DataError, OSError):
            self._file.close()
            raise
        sync_folder(path.parent)

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes a record; returns when all of it is on the disk.

        Raises DataError if the disk refuses it, or if the file is no longer in its place; the
        journal is then unchanged.
        """
        line = encode_line(record)
        self.check_place()
        try:
            self._file.truncate(self._sound)  # removes what an earlier append could not
            write_all(self._file, line)
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):  # the next append, or the next process, removes it
                self._file.truncate(self._sound)
            raise DataError(
                f"{self._path}: cannot be written: {error.strerror}; mend that and run the "
                "same command again, it goes on from here."
            ) from None
        self._sound += len(line)

    def check_place(self) -> None:
        """Raises DataError unless the file is still in its place and has its length."""
        own = os.fstat(self._file.fileno())
        try:
            there = self._path.stat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino):
            raise DataError(
                f"{self._path}: is no longer there: the run directory was moved or removed while "
                "the study went on. Run the same command with --out naming its new place."
            )
        if own.st_size < self._sound:
            raise DataError(
                f"{self._path}: was cut short by another program. Restore it from a copy, or start "
                "a new run with another --out."
            )

    def clear(self) -> None:
        """Removes all records."""
        self._file.truncate(0)
        self.records, self._sound = [], 0

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
