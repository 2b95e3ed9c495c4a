"""Where images come from: a table of sources, and one function from a name to an ImageDataset."""

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import Request, Split
from hptjax.errors import ConfigError, shown
from hptjax.paths import user_path

# Each names a function (argument, Request) -> ImageDataset, imported when asked for: none pays for
# another's libraries. The argument is what stands after the colon.
TABLE: dict[str, str] = {
    "sample": "hptjax.data.npz:load_sample",
    "fashion_mnist": "hptjax.data.fashion_mnist:load_fashion_mnist",
    "tfds:<name>": "hptjax.data.tfds:load_tfds",
    "npz:<path>": "hptjax.data.npz:load_npz_source",
}


def load_images(
    source: str,
    *,
    split: Split = "train",
    data_dir: str | Path | None = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    notify: Callable[[str], None] = warnings.warn,
) -> ImageDataset:
    """Reads one split of a source: sample, fashion_mnist, tfds:<name> or npz:<path>.

    split: train, validation (where the source has a validation set of its own) or test. data_dir:
    the folder of the idx.gz files (fashion_mnist), of tensorflow-datasets (tfds), or the one to
    which a relative path is relative (npz); sample has no use for it. channels: allows images of
    that many channels, besides 1 and 3. classes: their names, for a source that does not say them
    and has no training part. notify: told in one line of each thing that is done to the images and
    labels. Raises ConfigError for an unknown source or split, NoSplitError (a DataError) for a
    split that the source does not have, DataError for files that are missing, damaged or of the
    wrong form, MissingExtraError where tfds needs a package that is not installed.
    """
    if split not in get_args(Split):
        raise ConfigError(f"split must be train, validation or test, got {shown(split)}.")
    row, argument = check_source(source, "data source")
    module, _, function = TABLE[row].partition(":")
    folder = None if data_dir is None else user_path(data_dir)
    request = Request(split, folder, channels, classes, notify)
    return getattr(import_module(module), function)(argument, request)


def check_source(source: Any, path: str) -> tuple[str, str]:
    """The row of a source and its argument; ConfigError, under this path, for an unknown one."""
    kind, colon, argument = source.partition(":") if isinstance(source, str) else ("", "", "")
    for row in TABLE:
        name, takes, _ = row.partition(":")
        if kind == name and bool(takes) == bool(colon) and bool(takes) == bool(argument):
            return row, argument
    *names, last = TABLE
    file = isinstance(source, str) and source.endswith(".npz")
    hint = f"; a file is written {shown('npz:' + source)}" if file else ""
    raise ConfigError(f"{path}: must be {', '.join(names)} or {last}, got {shown(source)}{hint}.")
