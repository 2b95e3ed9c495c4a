"""A request to a source of images."""

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
    """The argument of a source's function: one split, and what is known of it.

    data_dir: the folder of the source's files. channels: allows another number than 1 or 3.
    classes: names of the classes, if the source itself does not tell them. notify: is told each
    change to the images and labels in one line. kind: the required kind of labels. size: (height,
    width) for a source whose images may differ in size; other sources may ignore it. broken:
    whether files that cannot be decoded are refused or left out. groups: the user's word for the
    place of the groups (a key, a regular expression); a source with groups sets them on its
    dataset. background: the colour to put behind transparent pixels of pictures.
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
    background: str | None = None


# Returns the images of the requested split; raises NoSplitError if there is none.
Source: TypeAlias = "Callable[[Request], ImageDataset]"


def once(notify: Callable[[str], None]) -> Callable[[str], None]:
    """Returns a `notify` for several parts of a source: it reports once what is true of all."""
    said: set[str] = set()

    def tell(text: str) -> None:
        _, _, what = text.partition(": ")  # after the name of the part
        if what not in said:
            said.add(what)
            notify(text)

    return tell
