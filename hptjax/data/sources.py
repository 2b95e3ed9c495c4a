"""Where images come from: a table of sources, and one function from a name to an ImageDataset."""

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError, shown

Split = Literal["train", "test"]

# Each names a function (argument, split, data_dir) -> ImageDataset, imported when asked for: none
# pays for another's libraries. The argument is what stands after the colon.
TABLE: dict[str, str] = {
    "sample": "hptjax.data.npz:load_sample",
    "fashion_mnist": "hptjax.data.fashion_mnist:load_fashion_mnist",
    "tfds:<name>": "hptjax.data.tfds:load_tfds",
    "npz:<path>": "hptjax.data.npz:load_npz_source",
}


def load_images(
    source: str, *, split: Split = "train", data_dir: Path | None = None
) -> ImageDataset:
    """Reads one split of a source: sample, fashion_mnist, tfds:<name> or npz:<path>.

    data_dir: the folder of the idx.gz files (fashion_mnist), of tensorflow-datasets (tfds), or the
    one to which a relative path is relative (npz); sample has no use for it. Raises ConfigError for
    an unknown source or split, DataError for files that are missing, damaged or of the wrong form,
    MissingExtraError where tfds needs a package that is not installed.
    """
    if split not in ("train", "test"):
        raise ConfigError(f"split must be train or test, got {split!r}.")
    row, argument = check_source(source, "data source")
    module, _, function = TABLE[row].partition(":")
    return getattr(import_module(module), function)(argument, split, data_dir)


def check_source(source: Any, path: str) -> tuple[str, str]:
    """The row of a source and its argument; ConfigError, under this path, for an unknown one."""
    kind, colon, argument = source.partition(":") if isinstance(source, str) else ("", "", "")
    for row in TABLE:
        name, takes, _ = row.partition(":")
        if kind == name and bool(takes) == bool(colon) and bool(takes) == bool(argument):
            return row, argument
    *names, last = TABLE
    raise ConfigError(f"{path}: must be {', '.join(names)} or {last}, got {shown(source)}.")
