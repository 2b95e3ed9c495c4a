"""What a source of images is asked for."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hptjax.errors import DataError

Split = Literal["train", "validation", "test"]


class NoSplitError(DataError):
    """A source has no such split: one with a training set need have no other."""


@dataclass(frozen=True)
class Request:
    """One split of a source, and what is known of it.

    data_dir: the folder of the source's files. channels: allows another number than 1 or 3.
    classes: names of the classes where the source itself does not say them. notify: told in one
    line of each thing that is done to the images and labels.
    """

    split: Split
    data_dir: Path | None = None
    channels: int | None = None
    classes: Sequence[str] | None = None
    notify: Callable[[str], None] = warnings.warn


def silent(text: str) -> None:
    """A `notify` that says nothing: what another part of the same source has said already."""


def once(notify: Callable[[str], None]) -> Callable[[str], None]:
    """A `notify` for several parts of a source: what is true of each is said of the first alone."""
    said: set[str] = set()

    def tell(text: str) -> None:
        _, _, what = text.partition(": ")  # after the name of the part
        if what not in said:
            said.add(what)
            notify(text)

    return tell
