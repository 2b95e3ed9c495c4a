"""Which config each space is, and what its comparison needs beside it."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKERS = {"processes": 2, "threads": 1}  # of PyTorch's search, by its form
LAYOUTS = ("channels_last", "contiguous")


@dataclass(frozen=True)
class Space:
    """One space.

    made_by: the script that makes its images, None where the config's source has them. layout: of
    PyTorch's tensors, the faster of the two here.
    """

    name: str
    layout: str = "channels_last"
    made_by: str | None = None

    @property
    def config(self) -> Path:
        return ROOT / "configs" / f"{self.name}.yaml"


SPACES = {
    space.name: space
    for space in (
        Space("optuna_mlp", layout="contiguous"),
        Space("keras_cnn"),
        Space("pd1_cnn"),
        Space("resnet_cifar", made_by="make_shapes_npz"),
        Space("mnist_5k", made_by="make_mnist_5k"),
        Space("own_flax"),
    )
}
