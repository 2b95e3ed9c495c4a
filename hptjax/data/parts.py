"""The parts of a source of images, and how what is done to them is told."""

import sys
import warnings
from collections.abc import Callable
from typing import Literal

from hptjax.errors import DataError

Notify = Callable[[str], None]
Split = Literal["train", "validation", "test"]


class NoSplitError(DataError):
    """A source has no such split: one with a training set need have no other."""


def warn(text: str) -> None:
    """A `notify` that warns, of the line of the user's that called the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inner(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def _is_inner(module: str) -> bool:
    return module.startswith("hptjax.") or module == "contextlib"  # which stands between ours


def silent(text: str) -> None:
    """A `notify` that says nothing: what another part of the same source has said already."""
