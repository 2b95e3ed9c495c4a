"""Files of named arrays and facts about them: safetensors that carry a version and a checksum.

Any reader of safetensors can open them. One key of the metadata holds the facts as JSON, the
version, and the checksum over facts and arrays; safetensors writes several keys in any order.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from hptjax.errors import DataError, shown
from hptjax.records.files import replace_file

VERSION = 1
KEY = "hptjax"
LENGTH = 8  # bytes that hold the size of safetensors' header


def write_tensors(
    path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], kind: str
) -> None:
    """Writes a file, whole or not at all; facts: plain data. Raises OSError."""
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    note = {"kind": kind, "version": VERSION, "facts": facts}
    note["checksum"] = _checksum(flat, note)
    replace_file(path, save(flat, metadata={KEY: json.dumps(note, sort_keys=True)}))


def read_tensors(path: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads the arrays and the facts of a file; kind: the kind that it must have.

    Raises DataError, without the path, if the file is missing, damaged, of another kind or version,
    or not written by hptjax.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{error.strerror}") from None
    try:
        note = _note(content)
        arrays = load(content)
    except (SafetensorError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
        raise DataError("it is not of this program, or damaged") from None
    if not isinstance(note, dict) or note.get("kind") != kind:
        raise DataError(f"it is not of this program, or damaged: it is no {kind}")
    if note.get("version") != VERSION:
        raise DataError(
            f"written by another version of hptjax (version {shown(note.get('version'))} of the "
            f"file, this one reads {VERSION})"
        )
    if note.pop("checksum", None) != _checksum(arrays, note) or set(note) != NOTE:
        raise DataError("it is damaged: its checksum does not match")
    return arrays, note["facts"]


NOTE = {"kind", "version", "facts"}


def _note(content: bytes) -> Any:
    """The value of our key in the metadata of a safetensors header."""
    size = int.from_bytes(content[:LENGTH], "little")
    header = json.loads(content[LENGTH : LENGTH + size])
    return json.loads(header["__metadata__"][KEY])


def _checksum(arrays: Mapping[str, np.ndarray], note: Mapping[str, Any]) -> str:
    """The checksum of a file's content: the text of the note, then the arrays by name."""
    content = hashlib.blake2b(json.dumps(note, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        content.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        content.update(array.data)
    return content.hexdigest()
