"""The parts of a source of images, and how what is done to them is told."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hptjax.errors import DataError

# Whose lines are not the caller's: ours, and those that stand between two of ours.
_OURS = (f"{Path(__file__).parents[1]}{os.sep}", contextlib.__file__)

Notify = Callable[[str], None]
Split = Literal["train", "validation", "test"]


class NoSplitError(DataError):
    """A source has no such split: one with a training set need have no other."""


def warn(text: str) -> None:
    """A `notify` that warns, and names the line of the caller's that began it, not one of ours."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def silent(text: str) -> None:
    """A `notify` that says nothing: what another part of the same source has said already."""
