"""The parts of a source of images, and how what is done to them is told."""

from collections.abc import Callable
from typing import Literal

from hptjax.errors import DataError

Notify = Callable[[str], None]
Split = Literal["train", "validation", "test"]


class NoSplitError(DataError):
    """A source has no such split: one with a training set need have no other."""


def silent(text: str) -> None:
    """A `notify` that says nothing: what another part of the same source has said already."""
