"""A trained network with what its inputs and outputs mean: images in, what it learned out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.config.model import AnyModel
from hptjax.data.dataset import ImageDataset
from hptjax.data.pixels import as_images, scale_of, to_bytes
from hptjax.data.request import silent
from hptjax.data.resize import resize_and_crop
from hptjax.errors import ConfigError, DataError
from hptjax.models.module import module_of
from hptjax.models.signature import net_shape
from hptjax.models.variables import check_variables, evaluate_variables
from hptjax.records import best
from hptjax.settings import fixed_settings

_BATCH = 250  # images applied together


@dataclass(frozen=True, repr=False)
class TrainedNetwork:
    """A network that was saved. `predict` takes images as the training took them.

    class_names: of the classes, labels or targets, in the order of its outputs (their indices,
    where its file has none).
    """

    config: AnyModel
    variables: dict[str, Any]
    trial: Mapping[str, Any]
    class_names: tuple[str, ...]

    def predict(self, images: Any) -> np.ndarray:
        """What the network takes each image for; images as of `predict_proba`.

        The name of its class [N]; of several labels bool [N, K], which of them it has; real numbers
        [N, T], or [N] where there is one.
        """
        found = self._predicted(images)
        if self._kind == "classes":
            return np.array(self.class_names)[found.argmax(1)]
        if self._kind == "labels":
            return found > 0.5
        return found[:, 0] if found.shape[1] == 1 else found

    def predict_proba(self, images: Any) -> np.ndarray:
        """The probability of each class or label, float32 [N, K].

        images: [N, H, W, C], or [N, H, W] for grey ones: uint8, floats from 0 to 1, or another
        plain range as of `ImageDataset`; another size is resized as in training. Raises DataError,
        and ConfigError of a network that predicts numbers.
        """
        if self._kind == "targets":
            raise ConfigError(
                f"predict_proba: a {self.config.task.name} has no probabilities; predict gives its "
                "numbers."
            )
        return self._predicted(images)

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """What its task measures of it on a data set; see `evaluate_variables`.

        The images must be of the network's size and channels, the labels of its classes.
        """
        return evaluate_variables(self.config, self.variables, dataset, measures=measures)

    @property
    def _kind(self) -> str:
        return self.config.task.options.kind

    @fixed_settings()
    def _predicted(self, images: Any) -> np.ndarray:
        """What the outputs mean, float32 [N, K]."""
        prepared = self._prepared(images)
        model, task = module_of(self.config), self.config.task.options

        @jax.jit
        def apply(x):
            outputs = jnp.asarray(model.apply(self.variables, x, train=False))
            return task.predicted(outputs.T).T

        parts = [prepared[k : k + _BATCH] for k in range(0, len(prepared), _BATCH)]
        return np.concatenate([np.asarray(apply(part)) for part in parts])

    def _prepared(self, images: Any) -> np.ndarray:
        """The images as bytes, at the size of the network."""
        channels = self.config.image[2]
        images = as_images(images, "predict", channels if channels not in (1, 3) else None)
        if images.shape[-1] != channels:
            raise DataError(
                f"predict: the network takes images [N, H, W, {channels}], got {images.shape}."
            )
        kind, low, high = images.dtype.kind, images.min(), images.max()
        in_unit = kind == "f" and low >= 0 and high <= 1  # few images may all be dark
        scale = "unit" if in_unit else scale_of(images, "predict")
        bytes_ = to_bytes(images, scale, "predict")
        # a size is fitted as a data set's is; the targets are of no account
        blank = np.zeros(len(bytes_))
        dataset = ImageDataset(
            bytes_, blank, name="predict", channels=channels, kind="targets", notify=silent
        )
        return resize_and_crop(dataset, *self.config.image[:2]).images

    def __repr__(self) -> str:
        return f"<TrainedNetwork of {len(self.class_names)} {self._kind}>"


def load_saved(path: str | Path) -> best.SavedNetwork:
    """What a file, or a run's best network, holds, of the shapes that its config has.

    Raises DataError as `load_network` does.
    """
    saved = best.load_network(path)
    try:
        check_variables(saved.config, saved.variables)
    except ConfigError as error:
        raise DataError(f"{path}: its weights do not fit its config: {error}") from None
    return saved


def load_best(path: str | Path) -> tuple[AnyModel, dict[str, Any]]:
    """Config and flax variables (numpy) of a saved network; arguments as of `load_network`."""
    saved = load_saved(path)
    return saved.config, saved.variables


def load_network(path: str | Path) -> TrainedNetwork:
    """The network of an exported file, or the best one of a run; path: the file, or the run.

    Raises DataError where it is missing, damaged or not a network of this program.
    """
    saved = load_saved(path)
    outputs = net_shape(saved.config).outputs
    names = saved.trial.get("class_names") or [str(k) for k in range(outputs)]
    told = saved.config.task.options.kind != "targets"  # a head may have more of these
    if not isinstance(names, list) or (told and len(names) != outputs):
        raise DataError(f"{path}: class_names must be {outputs} names, one for each output.")
    return TrainedNetwork(saved.config, saved.variables, saved.trial, tuple(map(str, names)))
