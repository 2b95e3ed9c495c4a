"""What a source of images is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from hptjax.data.parts import NoSplitError, Split, silent, warn
from hptjax.data.targets import Kind

if TYPE_CHECKING:
    from hptjax.data.dataset import ImageDataset

__all__ = ["Broken", "NoSplitError", "Request", "Source", "Split", "once", "silent", "warn"]

Broken = Literal["refuse", "skip"]


@dataclass(frozen=True)
class Request:
    """One split of a source, and what is known of it: what a source's function is given.

    data_dir: the folder of the source's files. channels: allows another number than 1 or 3.
    classes: names of the classes where the source itself does not say them. notify: told in one
    line of each thing that is done to the images and labels. kind: what the labels must be. size:
    (height, width) for a source whose images may be of several sizes; one whose images are all of
    one size need not look at it. broken: whether files that cannot be decoded are refused or left
    out. groups: the user's word for where the groups of images stand (a key, a regular expression);
    a source that has groups sets them on its dataset.
    """

    split: Split
    data_dir: Path | None = None
    channels: int | None = None
    classes: Sequence[str] | None = None
    notify: Callable[[str], None] = warn
    kind: Kind = "classes"
    size: tuple[int, int] | None = None
    broken: Broken = "refuse"
    groups: str | None = None


# Gives the images of the split that is asked for; NoSplitError where it has none.
Source: TypeAlias = "Callable[[Request], ImageDataset]"


def once(notify: Callable[[str], None]) -> Callable[[str], None]:
    """A `notify` for several parts of a source: what is true of each is said of the first alone."""
    said: set[str] = set()

    def tell(text: str) -> None:
        _, _, what = text.partition(": ")  # after the name of the part
        if what not in said:
            said.add(what)
            notify(text)

    return tell
