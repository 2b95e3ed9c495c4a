"""A trained network with what its inputs and outputs mean: images in, what it learned out."""

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

_BATCH = 256  # images applied together


@dataclass(frozen=True, repr=False, eq=False)
class Network:
    """A trained network. `predict` takes images as they are; the training's preparation is its own.

    config: the model; variables: of its Flax module, numpy arrays. trial: what was noted with it.
    class_names: of the classes, labels or targets, in the order of its outputs; default
    their indices.

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
        """(H, W, C) of the images that it is applied to."""
        return self.config.image

    @property
    def preprocess(self) -> Preprocess:
        """What becomes of an image before the network sees it."""
        return Preprocess.of(self.config)

    @property
    def background(self) -> str | None:
        """The colour that transparent pixels of the training pictures were laid on, if any."""
        return (self.trial.get("data") or {}).get("background")

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
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
        """What the network takes each image for; images as of `logits`.

        The name of its class [N]; of several labels bool [N, K], which of them it has; real numbers
        [N, T], or [N] where there is one.
        """
        found = self.outcomes(images)
        if self._kind == "classes":
            return np.array(self.class_names)[found.argmax(1)]
        if self._kind == "labels":
            return found > 0.5
        return found[:, 0] if found.shape[1] == 1 else found

    def predict_proba(self, images: Any) -> np.ndarray:
        """The probability of each class or label, float32 [N, K]; images as of `logits`.

        Raises ConfigError of a network that predicts numbers.
        """
        if self._kind == "targets":
            raise ConfigError(
                f"predict_proba: a {self.config.task.name} has no probabilities; predict gives its "
                "numbers."
            )
        return self.outcomes(images)

    @fixed_settings()
    def outcomes(self, images: Any) -> np.ndarray:
        """What people read, float32 [N, K]: probabilities of classes or labels, or numbers."""
        outputs = jnp.asarray(self.logits(images).T)
        return np.asarray(self.config.task.options.predicted(outputs).T)

    def logits(self, images: Any) -> np.ndarray:
        """What the last layer gives, float32 [N, K].

        images: [N, H, W, C], one image [H, W, C], of grey ones also [N, H, W] or one [H, W] of the
        network's size, a path or an image of Pillow, which are read as those of a folder are, an
        ImageDataset, or a list of images of any sizes: uint8, floats from 0 to 1, or another plain
        range as of `ImageDataset`. Another size is resized as in training, which a warning says
        once. Raises DataError.
        """
        return self._outputs(prepared(images, self.input_shape, self._say, self.background))

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """What its task measures of it on a data set; see `evaluate_variables`.

        Images of another size are resized as in training. Raises ConfigError for other channels or
        other classes than the network's.
        """
        images = self.fit(dataset)
        return evaluate_variables(self.config, self.variables, images, measures=measures)

    def confusion(self, dataset: ImageDataset) -> np.ndarray:
        """int64 [K, K]: how many images of each class (rows) it takes for each class (columns).

        An image whose logits are not finite is in no column. Raises ConfigError as `evaluate` does,
        and of a network of another task than classification.
        """
        return self.per_class(dataset).confusion

    def per_class(self, dataset: ImageDataset) -> PerClass:
        """Precision, recall, F1 and number of images of each class; raises as `confusion` does."""
        check_classes(self.config)
        images = self.fit(dataset)
        confusion = confusion_of(images.labels, self._outputs(images.images))
        return per_class_of(self.class_names, images.labels, confusion)

    def export(self, path: str | Path, **options: Any) -> None:
        """Writes it as `.safetensors`, `.onnx` (extra [onnx]) or `.pt` (extra [torch]).

        options: of the format, as `input="float32"` of .onnx. Raises ConfigError for another
        ending, and for a layer that the format has no form for.
        """
        path = user_path(path)
        find_format(path, f"export {path}")(self, path, **options)

    def save(self, path: str | Path) -> None:
        """Writes it as one .safetensors file, which `hptjax.load_network` reads."""
        path = user_path(path)
        if path.suffix != best.SUFFIX:
            raise ConfigError(f"save {path}: must end in {best.SUFFIX}; export writes others.")
        best.save_network(path, best.SavedNetwork(self.config, self.variables, self.noted))

    @property
    def noted(self) -> dict[str, Any]:
        """What its file notes: of its trial, its classes, and what is done to images."""
        told = {"class_names": list(self.class_names), "preprocess": self.preprocess.to_dict()}
        return {**self.trial, **told}

    def summary(self) -> str:
        """Its layers, with the shapes that they give and their parameters, as text."""
        return summary_of(self.config, self.variables, repr(self))

    def fit(
        self, dataset: ImageDataset, notify: Callable[[str], None] | None = None
    ) -> ImageDataset:
        """The data set at the size of the network.

        notify: told of a resizing, in place of a warning. Raises ConfigError for labels of another
        kind, other channels, or other classes than the network's.
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
        """The compiled network, of variables and bytes."""
        return jax.jit(lambda variables, x: self.module.apply(variables, x, train=False))

    @fixed_settings()
    def _outputs(self, images: np.ndarray) -> np.ndarray:
        """The logits of bytes [N, H, W, C]; parts are filled up, so that few programs do."""
        parts = []
        for start in range(0, len(images), _BATCH):
            part = images[start : start + _BATCH]
            room = 1 << (len(part) - 1).bit_length()
            filled = np.zeros((room, *part.shape[1:]), part.dtype)
            filled[: len(part)] = part
            parts.append(np.asarray(self._apply(self.variables, filled))[: len(part)])
        return np.concatenate(parts)

    def _say(self, text: str) -> None:
        """A warning, once of each name that it begins with: of many sizes the first is said."""
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
    """Config and flax variables (numpy) of a saved network; arguments as of `load_network`.

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
    """The network of an exported file, or the best one of a run; path: the file, or the run.

    Raises DataError where it is missing, damaged or not a network of this program.

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
    """The network of what a file holds; DataError, which begins with where, for wrong names."""
    outputs = net_shape(saved.config).outputs
    names = saved.trial.get("class_names") or [str(k) for k in range(outputs)]
    told = saved.config.task.options.kind != "targets"  # a head may have more of these
    if not isinstance(names, list) or (told and len(names) != outputs):
        raise DataError(f"{where}: class_names must be {outputs} names, one for each output.")
    return Network(saved.config, saved.variables, saved.trial, tuple(map(str, names)))
