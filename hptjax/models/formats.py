"""The formats that a trained network can be written in, by the endings of files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hptjax.errors import ConfigError
from hptjax.table import Table

# Each row is a function of the network, the path and options of its own.
FORMATS: Table[Callable[..., None]] = Table(
    "formats",
    "file format",
    {
        "safetensors": "hptjax.exports.safetensors:write",
        "onnx": "hptjax.exports.onnx:write",
        "pt": "hptjax.exports.torch:write",
    },
    needs=("__call__",),
)


def find_format(path: Path, what: str) -> Callable[..., Any]:
    """What writes files of this ending; ConfigError, which begins with `what`, for another."""
    word = path.suffix.removeprefix(".")
    if word not in FORMATS.names():
        *most, last = (f".{name}" for name in FORMATS.names())
        raise ConfigError(f"{what}: must end in {', '.join(most)} or {last}.")
    return FORMATS.find(word, what)
