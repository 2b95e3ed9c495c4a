"""The parts of a source of images, and how changes to them are reported."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hptjax.errors import DataError

# Warnings never name lines of these files: ours, and those called between two of ours.
_OURS = (f"{Path(__file__).parents[1]}{os.sep}", contextlib.__file__)

Notify = Callable[[str], None]
Split = Literal["train", "validation", "test"]


class NoSplitError(DataError):
    """A source lacks this split: a source with a training set may have no other."""


def warn(text: str) -> None:
    """Warns (a `notify`); the warning names the caller's line, not a line of hptjax."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def silent(text: str) -> None:
    """Reports nothing (a `notify`), if another part of the same source has reported it."""
