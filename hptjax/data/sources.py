"""The table of image sources, and a function from a source's name to an ImageDataset."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from hptjax.data.convert import with_channels
from hptjax.data.dataset import ImageDataset
from hptjax.data.parts import warn
from hptjax.data.request import Broken, Request, Source, Split
from hptjax.data.resize import fitted, size_of
from hptjax.data.targets import Kind
from hptjax.errors import ConfigError, DataError, shown, similar
from hptjax.paths import is_folder, user_path
from hptjax.table import OURS, Table

MEMORY = "memory"  # of images that a caller gives: not allowed in a file

SOURCES: Table[Source] = Table(
    "sources",
    "data source",
    {
        "sample": "hptjax.data.npz:load_sample",
        "fashion_mnist": "hptjax.data.fashion_mnist:load_fashion_mnist",
        "folder:<path>": "hptjax.data.folder:folder_source",
        "idx:<path>": "hptjax.data.idx_files:idx_source",
        "cifar10:<path>": "hptjax.data.cifar:cifar10_source",
        "cifar100:<path>": "hptjax.data.cifar:cifar100_source",
        "mnist_5k": "hptjax.data.mnist_5k:load_mnist_5k",
        MEMORY: "hptjax.data.memory:load_memory",
        "tfds:<name>": "hptjax.data.tfds:tfds_source",
        "npz:<path>": "hptjax.data.npz:npz_source",
    },
    needs=("__call__",),
)


def load_images(
    source: str,
    *,
    split: Split = "train",
    data_dir: str | Path | None = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    kind: Kind = "classes",
    size: int | tuple[int, int] | None = None,
    broken: Broken = "refuse",
    groups: str | None = None,
    background: str | None = None,
    notify: Callable[[str], None] = warn,
) -> ImageDataset:
    """Reads one split of a source: sample, folder:<path>, npz:<path>, ..., or module:function.

    split: train, validation (if the source has its own validation set) or test. data_dir: the
    folder of the idx.gz files (fashion_mnist), of tensorflow-datasets (tfds), or the base of a
    relative path; sample does not use it. channels: 1 or 3, to convert images to (3 to 1 by ITU-R
    601's weights); another number allows images with that many. classes: their names, for a source
    that does not tell them and has no training part. kind: the required kind of labels, see
    `ImageDataset`. size: (height, width) to scale and crop images to, or one number for squares.
    broken: refuse, or skip, which leaves out files that cannot be decoded. groups: where a source
    states the group of each image: for folder a regular expression on the files' names, for npz a
    key. background: the colour to put behind transparent pixels of pictures, such as white. notify:
    is told each change to the images and labels in one line. Raises ConfigError for an unknown
    source or split, NoSplitError (a DataError) for a split that the source does not have, DataError
    for files that are missing, damaged or of the wrong form, and for labels of another kind,
    MissingExtraError if a package is not installed.

    Example:
        >>> import hptjax
        >>> images = hptjax.load_images("sample")
        >>> images.size, images.image_shape
        (6000, (28, 28, 1))
    """
    if split not in get_args(Split):
        raise ConfigError(f"split must be train, validation or test, got {shown(split)}.")
    check_source(source, "data source")
    load = SOURCES.find(source, "data source")
    folder = None if data_dir is None else user_path(data_dir)
    if background is not None and ours_without_pictures(source):
        raise ConfigError(f"data.background: is of pictures, and {source} has arrays without any.")
    shape = None if size is None else size_of(size, "size")
    known = channels, classes, notify, kind, shape, broken, groups, background
    images = load(Request(split, folder, *known))
    if not isinstance(images, ImageDataset):
        raise ConfigError(f"data source {source}: must give an ImageDataset, got {shown(images)}.")
    if images.kind != kind:
        raise DataError(f"data source {source}: has {images.kind}, but {kind} are to be learned.")
    if groups is not None and images.groups is None:
        raise ConfigError(
            f"data.validation.groups: {source} has none; folder:<path> has them by the names of "
            "files, npz:<path> by a key."
        )
    images = with_channels(images, channels, notify)
    return images if shape is None else fitted(images, *shape, notify)


def ours_without_pictures(source: str) -> bool:
    """Tells whether a source of hptjax holds arrays: nothing in them is transparent."""
    row = SOURCES.row(source, "data source")
    return row.package == OURS and not row.word.startswith("folder:")


def check_source(source: Any, path: str) -> None:
    """Raises ConfigError, with this path, for an unknown source."""
    if isinstance(source, str) and (source.startswith("csv:") or source.endswith(".csv")):
        raise ConfigError(
            f"{path}: no source reads {shown(source)}; in Python, write "
            "hptjax.ImageDataset.from_dataframe(pandas.read_csv(...), folder=...)."
        )
    if source in SOURCES:
        if SOURCES.row(source, path).package != OURS:  # another's mistake is better known early
            SOURCES.find(source, path)
        return
    *names, last = (name for name in SOURCES.names() if name != MEMORY)
    hint = ""
    if isinstance(source, str) and source.endswith(".npz"):
        hint = f"; a file is written {shown('npz:' + source)}"
    elif isinstance(source, str) and is_folder(source):
        hint = f"; a folder is written {shown('folder:' + source)}"
    elif isinstance(source, str) and (near := similar(source, SOURCES.names())):
        hint = f"; {near.removesuffix('.')}"
    end = "" if hint.endswith("?") else "."
    raise ConfigError(
        f"{path}: must be {', '.join(names)} or {last}, got {shown(source)}{hint}{end}"
    )


def path_of(source: str) -> str | None:
    """Returns the path in a source such as npz:<path>; None if it has none."""
    paths = [row.argument(source) for row in SOURCES.rows() if row.word.endswith("<path>")]
    return next(filter(None, paths), None)
