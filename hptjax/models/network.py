"""A trained network with the meaning of its inputs and outputs: it takes images as they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hptjax.config.model import AnyModel
from hptjax.data.dataset import ImageDataset
from hptjax.data.labels import listed
from hptjax.data.parts import warn
from hptjax.data.resize import fitted
from hptjax.errors import ConfigError, DataError
from hptjax.models.confusion import PerClass, check_classes, confusion_of, per_class_of
from hptjax.models.costs import network_costs
from hptjax.models.formats import find_format
from hptjax.models.module import module_of
from hptjax.models.prepare import prepared
from hptjax.models.preprocess import Preprocess
from hptjax.models.signature import net_shape
from hptjax.models.summary import summary_of
from hptjax.models.variables import check_variables, evaluate_variables
from hptjax.paths import user_path
from hptjax.records import best
from hptjax.settings import fixed_settings

_BATCH = 256  # images per call of the compiled network


@dataclass(frozen=True, repr=False, eq=False)
class Network:
    """A trained network. `predict` takes images as they are, and prepares them as training did.

    config: the model. variables: those of its Flax module, numpy arrays. trial: the notes of its
    trial. class_names: of the classes, labels or targets, in the order of its outputs; by
    default their indices.

    Example:
        >>> import hptjax, jax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> network = hptjax.Network(model, hptjax.init_variables(model, jax.random.key(0)))
        >>> network.predict_proba(hptjax.load_images("sample").images[:2]).shape
        (2, 10)
    """

    config: AnyModel
    variables: dict[str, Any]
    trial: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    _said: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if not self.class_names:
            indices = range(net_shape(self.config).outputs)
            object.__setattr__(self, "class_names", tuple(map(str, indices)))

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images that the network takes."""
        return self.config.image

    @property
    def preprocess(self) -> Preprocess:
        """The preprocessing of an image before the network."""
        return Preprocess.of(self.config)

    @property
    def background(self) -> str | None:
        """The colour behind the transparent pixels of the training pictures, if any."""
        return (self.trial.get("data") or {}).get("background")

    @property
    def parameters(self) -> int:
        """The number of trained weights."""
        return network_costs(self.config).parameters

    @property
    def flops(self) -> int:
        """Floating-point operations of one image, of convolutions and linear layers."""
        return network_costs(self.config).forward_flops

    @property
    def module(self) -> nn.Module:
        """The Flax module: `module.apply(variables, images, train=False)` gives logits [B, K]."""
        return module_of(self.config)

    def predict(self, images: Any) -> np.ndarray:
        """Predicts the class name of each image [N]; images: see `logits`.

        For labels, returns bool [N, K], True for those that the image has. For a regression,
        returns numbers [N, T], or [N] if there is one target.
        """
        found = self.outcomes(images)
        if self._kind == "classes":
            return np.array(self.class_names)[found.argmax(1)]
        if self._kind == "labels":
            return found > 0.5
        return found[:, 0] if found.shape[1] == 1 else found

    def predict_proba(self, images: Any) -> np.ndarray:
        """Returns the probability of each class or label, float32 [N, K]; images: see `logits`.

        Raises ConfigError for a network that predicts numbers.
        """
        if self._kind == "targets":
            raise ConfigError(
                f"predict_proba: a {self.config.task.name} has no probabilities; predict gives its "
                "numbers."
            )
        return self.outcomes(images)

    @fixed_settings()
    def outcomes(self, images: Any) -> np.ndarray:
        """Returns readable results, float32 [N, K]: probabilities, or a regression's numbers."""
        outputs = jnp.asarray(self.logits(images).T)
        return np.asarray(self.config.task.options.predicted(outputs).T)

    def logits(self, images: Any) -> np.ndarray:
        """Returns the outputs of the last layer, float32 [N, K].

        images: [N, H, W, C] or one image [H, W, C]; of grey images also [N, H, W], or one [H, W] of
        the network's size; a path or a Pillow image, which are read as pictures of a folder are; an
        ImageDataset; or a list of images of any sizes. Numbers are uint8, floats from 0 to 1, or
        another plain range that `ImageDataset` takes. Images of another size are resized as in
        training, with one warning. Raises DataError.
        """
        return self._outputs(prepared(images, self.input_shape, self._say, self.background))

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """Returns the task's measures on a data set, {measure: value}; see `evaluate_variables`.

        Images of another size are resized as in training. Raises ConfigError for other channels or
        other classes than the network's.
        """
        images = self.fit(dataset)
        return evaluate_variables(self.config, self.variables, images, measures=measures)

    def confusion(self, dataset: ImageDataset) -> np.ndarray:
        """Returns int64 [K, K]: the number of images by true class (row) and predicted class.

        An image whose logits are not finite is in no column. Raises ConfigError as `evaluate` does,
        and for a network whose task is not classification.
        """
        return self.per_class(dataset).confusion

    def per_class(self, dataset: ImageDataset) -> PerClass:
        """Precision, recall, F1 and number of images of each class; raises as `confusion` does."""
        check_classes(self.config)
        images = self.fit(dataset)
        confusion = confusion_of(images.labels, self._outputs(images.images))
        return per_class_of(self.class_names, images.labels, confusion)

    def export(self, path: str | Path, **options: Any) -> None:
        """Writes the network as `.safetensors`, `.onnx` (extra [onnx]) or `.pt` (extra [torch]).

        options: of the format, such as `input="float32"` for .onnx. Raises ConfigError for another
        ending, and for a layer that the format cannot hold.
        """
        path = user_path(path)
        find_format(path, f"export {path}")(self, path, **options)

    def save(self, path: str | Path) -> None:
        """Writes the network as one .safetensors file, which `hptjax.load_network` reads."""
        path = user_path(path)
        if path.suffix != best.SUFFIX:
            raise ConfigError(f"save {path}: must end in {best.SUFFIX}; export writes others.")
        best.save_network(path, best.SavedNetwork(self.config, self.variables, self.noted))

    @property
    def noted(self) -> dict[str, Any]:
        """Returns the notes of its file: the trial, the classes, and the preprocessing."""
        told = {"class_names": list(self.class_names), "preprocess": self.preprocess.to_dict()}
        return {**self.trial, **told}

    def summary(self) -> str:
        """Returns its layers, with their output shapes and parameters, as text."""
        return summary_of(self.config, self.variables, repr(self))

    def fit(
        self, dataset: ImageDataset, notify: Callable[[str], None] | None = None
    ) -> ImageDataset:
        """Returns the data set at the size of the network.

        notify: is told of a resizing, instead of a warning. Raises ConfigError for labels of
        another kind, other channels, or other classes than the network's.
        """
        if not isinstance(dataset, ImageDataset):
            raise ConfigError(
                "images must be an ImageDataset, as of hptjax.ImageDataset(X, y, "
                f"network.class_names), got a {type(dataset).__name__}."
            )
        task = self.config.task.options
        task.check(dataset)
        found = dataset.image_shape[-1], task.outputs(dataset)
        if found != (self.input_shape[2], self.config.outputs):
            fewer = dataset.kind == "classes" and found[1] < self.config.outputs
            some = "; ImageDataset(X, y, class_names=...) has all classes, too" * fewer
            raise ConfigError(
                f"{dataset.name}: {found[0]} channels and {found[1]} {dataset.kind}, but the "
                f"network is for {self.input_shape[2]} and {self.config.outputs}{some}."
            )
        known = self.trial.get("class_names")
        if known is not None and list(known) != list(dataset.class_names):
            raise ConfigError(
                f"{dataset.name}: the {dataset.kind} are {listed(dataset.class_names)}, but those "
                f"of the network are {listed(known)}."
            )
        return fitted(dataset, *self.input_shape[:2], notify or self._say)

    @property
    def _kind(self) -> str:
        return self.config.task.options.kind

    @cached_property
    def _apply(self) -> Callable[[Any, Any], jax.Array]:
        """Returns the compiled network, a function of variables and bytes."""
        return jax.jit(lambda variables, x: self.module.apply(variables, x, train=False))

    @fixed_settings()
    def _outputs(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits of bytes [N, H, W, C]; fills up batches, to need few programs."""
        parts = []
        for start in range(0, len(images), _BATCH):
            part = images[start : start + _BATCH]
            room = 1 << (len(part) - 1).bit_length()
            filled = np.zeros((room, *part.shape[1:]), part.dtype)
            filled[: len(part)] = part
            parts.append(np.asarray(self._apply(self.variables, filled))[: len(part)])
        return np.concatenate(parts)

    def _say(self, text: str) -> None:
        """Warns once for each text's first words: of many sizes, only the first is named."""
        name = text.partition(":")[0]
        if name not in self._said:
            self._said.add(name)
            warn(text)

    def __repr__(self) -> str:
        height, width, channels = self.input_shape
        return (
            f"<Network {height}x{width}x{channels} -> {len(self.class_names)} {self._kind}, "
            f"{self.parameters:,} parameters>"
        )


def load_saved(path: str | Path) -> best.SavedNetwork:
    """Reads a file, or a run's best network; checks that the weights fit the config.

    Raises DataError as `load_network` does.
    """
    saved = best.load_network(path)
    try:
        check_variables(saved.config, saved.variables)
    except ConfigError as error:
        raise DataError(f"{path}: its weights do not fit its config: {error}") from None
    return saved


def load_best(path: str | Path) -> tuple[AnyModel, dict[str, Any]]:
    """Returns config and Flax variables (numpy) of a saved network; path: see `load_network`.

    Example:
        >>> import hptjax, jax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> network = hptjax.Network(model, hptjax.init_variables(model, jax.random.key(0)))
        >>> path = network.export("mine.safetensors")
        >>> config, variables = hptjax.load_best("mine.safetensors")
        >>> sorted(variables)
        ['params']
    """
    saved = load_saved(path)
    return saved.config, saved.variables


def load_network(path: str | Path) -> Network:
    """Loads the network of an exported file, or the best one of a run; path: the file, or the run.

    Raises DataError if it is missing, damaged or not a network of hptjax.

    Example:
        >>> import hptjax, jax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> network = hptjax.Network(model, hptjax.init_variables(model, jax.random.key(0)))
        >>> path = network.export("mine.safetensors")
        >>> hptjax.load_network("mine.safetensors").config == model
        True
    """
    return network_of(load_saved(path), path)


def network_of(saved: best.SavedNetwork, where: object) -> Network:
    """Returns the network in a file; for wrong names a DataError that begins with `where`."""
    outputs = net_shape(saved.config).outputs
    names = saved.trial.get("class_names") or [str(k) for k in range(outputs)]
    told = saved.config.task.options.kind != "targets"  # a regression may have more outputs
    if not isinstance(names, list) or (told and len(names) != outputs):
        raise DataError(f"{where}: class_names must be {outputs} names, one for each output.")
    return Network(saved.config, saved.variables, saved.trial, tuple(map(str, names)))
