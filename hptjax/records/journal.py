"""The journal of a run: append-only JSON lines, each with its checksum, the only truth of a run.

One line is `{"crc32": "xxxxxxxx", "record": {...}}`; the checksum is over the record's canonical
JSON text, its keys sorted; the line keeps the order of the keys, which is that of a space's axes. A
line is written, flushed and synced in one go, so whatever kills the process can tear
the last line at most: that one is dropped, and a bad line anywhere else is an error.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hptjax.errors import ConfigError, DataError


def encode_line(record: Mapping[str, Any]) -> bytes:
    """The journal line of a record, newline included. Raises: ValueError for NaN or infinity."""
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return f'{{"crc32":"{_checksum(record)}","record":{text}}}\n'.encode()


def _checksum(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{zlib.crc32(text.encode()):08x}"


def _decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of one line (without its newline), or None where the line is damaged."""
    try:
        entry = json.loads(line)
        record = entry["record"]
        sound = entry.get("crc32") == _checksum(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if sound else None


def read_journal(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The records of a journal and the length in bytes of its sound part.

    Raises: DataError where a line that is not the last one is damaged.
    """
    content = path.read_bytes() if path.exists() else b""
    records, position = [], 0
    while position < len(content):
        end = content.find(b"\n", position)
        record = None if end < 0 else _decode_line(content[position:end])
        if record is None:
            if 0 <= end < len(content) - 1:
                raise DataError(
                    f"{path}, line {len(records) + 1}: checksum does not match; the journal is "
                    "damaged. Restore it from a copy, or start a new run with another --out."
                )
            break
        records.append(record)
        position = end + 1
    return records, position


class Journal:
    """A journal open for appending, locked against other processes; `records` is what it held.

    Raises: DataError for a damaged line, ConfigError where another process is writing to it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)  # a line is written in one go
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.records, sound = read_journal(path)
        except BlockingIOError:
            self._file.close()
            raise ConfigError(
                f"{path.parent}: another process is writing to this run; wait for it, or use "
                "another --out."
            ) from None
        except DataError:
            self._file.close()
            raise
        self._file.truncate(sound)

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes a record and returns only when it is on the disk.

        Raises DataError where the disk refuses it; the journal is then as it was before.
        """
        sound = os.fstat(self._file.fileno()).st_size
        try:
            self._file.write(encode_line(record))
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(sound)
            raise DataError(
                f"{self._file.name}: cannot be written: {error.strerror}; mend that and run the "
                "same command again, it goes on from here."
            ) from None

    def clear(self) -> None:
        """Forgets everything that was written."""
        self._file.truncate(0)
        self.records = []

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
