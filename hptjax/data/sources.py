"""Where images come from: one function from a source's name to an ImageDataset."""

from pathlib import Path
from typing import Literal

from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError

Split = Literal["train", "test"]
_KNOWN = "sample, fashion_mnist, tfds:<name> or npz:<path>"


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
    kind, colon, argument = source.partition(":")
    # each source is imported when asked for: none pays for another's libraries
    if source == "sample":
        from hptjax.data.npz import load_sample

        return load_sample(split)
    if source == "fashion_mnist":
        from hptjax.data.fashion_mnist import load_fashion_mnist

        return load_fashion_mnist(split, data_dir)
    if colon and argument and kind == "tfds":
        from hptjax.data.tfds import load_tfds

        return load_tfds(argument, split, data_dir)
    if colon and argument and kind == "npz":
        from hptjax.data.npz import load_npz

        return load_npz(Path(data_dir or ".") / Path(argument).expanduser(), split)
    raise ConfigError(f"data source must be {_KNOWN}, got {source!r}.")
