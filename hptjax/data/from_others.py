"""Constructors of an `ImageDataset` from other libraries' data sets, and from a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from hptjax.data.folder_files import read_folder
from hptjax.data.given import (
    Reader,
    check_columns,
    given_by_dataframe,
    given_by_hf,
    given_by_torch,
)
from hptjax.data.parts import Split, warn
from hptjax.errors import ConfigError, shown
from hptjax.paths import user_path


class FromOthers:
    """Constructors, for a class that takes images, labels, class_names, name and keywords."""

    __slots__ = ()

    def __init__(self, *arrays: Any, **options: Any) -> None:
        raise NotImplementedError  # a mixin: the class has its own

    @classmethod
    def from_arrays(
        cls, images: Any, labels: Any, class_names: Any = None, name: str = "images", **options: Any
    ) -> Self:
        """Returns a data set of arrays or lists; arguments and options as for the class."""
        return cls(images, labels, class_names, name, **options)

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        *,
        split: Split = "train",
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        broken: str = "refuse",
        groups: str | None = None,
        background: str | None = None,
        notify: Callable[[str], None] = warn,
    ) -> Self:
        """Reads pictures in a folder for each class, or below train/, val/ and test/.

        size: pixels of a side, or (height, width). channels: 1 or 3. broken: refuse or skip.
        groups: a regular expression on the names of files. background: the colour to put behind
        transparent pixels, such as white; by default their own colours are used. See `read_folder`.
        """
        name = f"folder:{path}"
        found = read_folder(
            *(user_path(path), name),
            split=split,
            size=_pair(size),
            channels=channels,
            broken=broken,
            groups=groups,
            background=background,
            notify=notify,
        )
        names = found.labels, found.class_names, found.name
        return cls(found.images, *names, groups=found.groups, notify=notify)

    @classmethod
    def from_torch(
        cls,
        dataset: Any,
        class_names: Any = None,
        name: str = "torch",
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        background: str | None = None,
        notify: Callable[[str], None] = warn,
        **options: Any,
    ) -> Self:
        """Reads a data set with __len__ that gives (image, label) by index, such as torchvision's.

        Images are Pillow's, tensors [C, H, W] or arrays [H, W, C]; size, channels and background
        apply to Pillow images, see `from_folder`. class_names: by default the data set's `classes`.
        options: keywords of the class.
        """
        reader = Reader(
            name, _pair(size), channels, notify, options.get("kind", "classes"), background
        )
        given = given_by_torch(dataset, class_names, reader)
        return cls(*given, name, channels=channels, notify=notify, **options)

    @classmethod
    def from_hf(
        cls,
        dataset: Any,
        image: str = "image",
        label: str = "label",
        name: str = "hf",
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        background: str | None = None,
        notify: Callable[[str], None] = warn,
        **options: Any,
    ) -> Self:
        """Reads a Hugging Face Dataset. image, label: its columns; others: see `from_torch`."""
        reader = Reader(
            name, _pair(size), channels, notify, options.get("kind", "classes"), background
        )
        given = given_by_hf(dataset, image, label, reader)
        return cls(*given, name, channels=channels, notify=notify, **options)

    @classmethod
    def from_dataframe(
        cls,
        frame: Any,
        image: str = "image",
        label: str = "label",
        name: str = "dataframe",
        *,
        folder: str | Path = ".",
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        background: str | None = None,
        groups: Any = None,
        notify: Callable[[str], None] = warn,
        **options: Any,
    ) -> Self:
        """Reads a data frame with a column of paths or arrays and a column of labels.

        folder: where relative paths begin. groups: the name of a column, or one group for each row;
        others: see `from_torch`.
        """
        reader = Reader(name, _pair(size), channels, notify, background=background)
        if isinstance(groups, str):
            check_columns(list(frame.columns), {"groups": groups}, reader)
            groups = frame[groups]
        given = given_by_dataframe(frame, image, label, user_path(folder), reader)
        return cls(*given, name, channels=channels, groups=groups, notify=notify, **options)


def _pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Returns a side, or (height, width), as a pair; ConfigError for anything else."""
    sides = (size, size) if isinstance(size, int) else size
    if sides is None:
        return None
    if not isinstance(sides, tuple | list) or len(sides) != 2 or min(sides) < 1:
        raise ConfigError(f"size: must be pixels, as 28 or (28, 32), got {shown(size)}.")
    return int(sides[0]), int(sides[1])
