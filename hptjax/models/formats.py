"""The formats in which a trained network can be written, by file endings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hptjax.errors import ConfigError
from hptjax.table import Table

# Each row is a function of the network, the path and its own options.
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
    """Returns the writer for this ending; for another, a ConfigError that begins with `what`."""
    word = path.suffix.removeprefix(".")
    if word not in FORMATS.names():
        *most, last = (f".{name}" for name in FORMATS.names())
        raise ConfigError(f"{what}: must end in {', '.join(most)} or {last}.")
    return FORMATS.find(word, what)
