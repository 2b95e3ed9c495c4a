"""Trained networks that predict together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.data.dataset import ImageDataset
from hptjax.data.targets import Kind
from hptjax.errors import ConfigError
from hptjax.models.confusion import PerClass, check_classes, confusion_of, per_class_of
from hptjax.models.variables import evaluate_outputs

LEAST, LEAST_OF_LABELS = 1e-30, 1e-7  # least probability before a logarithm


def as_outputs(mean: np.ndarray, kind: Kind) -> np.ndarray:
    """Returns outputs [N, K] that stand for averaged probabilities; other numbers unchanged."""
    if kind == "classes":
        return np.log(np.maximum(mean, LEAST))
    if kind == "labels":
        inner = np.clip(mean, LEAST_OF_LABELS, 1 - LEAST_OF_LABELS)
        return np.log(inner) - np.log1p(-inner)
    return mean


class Predicting(Protocol):
    """The methods of a trained network that an ensemble needs."""

    @property
    def config(self) -> AnyModel: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    def outcomes(self, images: Any) -> np.ndarray: ...

    def predict(self, images: Any) -> np.ndarray: ...

    def predict_proba(self, images: Any) -> np.ndarray: ...

    def fit(self, dataset: ImageDataset) -> ImageDataset: ...


@dataclass(frozen=True, repr=False)
class Ensemble:
    """Trained networks whose probabilities are averaged with weights.

    weights: each at least 0 and one above 0, such as the counts of `search.ensemble.greedy_counts`.
    Raises ConfigError for networks whose classes differ, and for other weights.

    Example:
        >>> import hptjax, jax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> keys = jax.random.split(jax.random.key(0))
        >>> networks = [hptjax.Network(model, hptjax.init_variables(model, key)) for key in keys]
        >>> ensemble = hptjax.Ensemble(networks, weights=[2, 1])
        >>> ensemble.predict_proba(hptjax.load_images("sample").images[:2]).shape
        (2, 10)
    """

    networks: tuple[Predicting, ...]
    weights: tuple[float, ...]

    def __init__(self, networks: Sequence[Predicting], weights: Sequence[float]) -> None:
        object.__setattr__(self, "networks", tuple(networks))
        object.__setattr__(self, "weights", tuple(map(float, weights)))
        self._check()

    def _check(self) -> None:
        networks, weights = self.networks, self.weights
        if not networks or len(networks) != len(weights):
            raise ConfigError(
                f"an ensemble needs networks with a weight each, got {len(networks)} networks and "
                f"{len(weights)} weights."
            )
        sound = np.isfinite(weights).all() and min(weights) >= 0 and sum(weights) > 0
        if not sound:
            raise ConfigError(
                f"an ensemble's weights must be at least 0, and one above it, got {list(weights)}."
            )
        for network in networks[1:]:
            if network.class_names != networks[0].class_names:
                raise ConfigError(
                    "an ensemble's networks must be of the same classes, in one order, got "
                    f"{list(networks[0].class_names)} and {list(network.class_names)}."
                )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes or labels, in the order of the probabilities."""
        return self.networks[0].class_names

    def predict_proba(self, images: Any) -> np.ndarray:
        """Returns the averaged probability of each class or label, float32 [N, K].

        images: see `Network.logits`. Raises the errors of the networks.
        """
        return self._mean([network.predict_proba(images) for network in self._used])

    def outcomes(self, images: Any) -> np.ndarray:
        """Returns the averaged probabilities, or numbers of a regression, float32 [N, K]."""
        return self._mean([network.outcomes(images) for network in self._used])

    def predict(self, images: Any) -> np.ndarray:
        """Predicts as `Network.predict` does, from the averaged probabilities or numbers."""
        found = [network.predict(images) for network in self._used]
        if found[0].dtype.kind == "f":  # a regression has no probabilities
            return self._mean(found)
        probabilities = self.predict_proba(images)
        if found[0].dtype.kind == "b":
            return probabilities > 0.5
        return np.array(self.class_names)[probabilities.argmax(1)]

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """Returns the task's measures of the ensemble, as `Network.evaluate` does for one network.

        For classes and labels they are computed from the averaged probabilities.
        """
        config, images = self._used[0].config, self._used[0].fit(dataset)
        outputs = as_outputs(self.outcomes(images.images), config.task.options.kind)
        return evaluate_outputs(config, outputs, images, measures)

    def per_class(self, dataset: ImageDataset) -> PerClass:
        """Returns measures and number of images of each class; see `Network.per_class`."""
        check_classes(self._used[0].config)
        images = self._used[0].fit(dataset)
        confusion = confusion_of(images.labels, self.outcomes(images.images))
        return per_class_of(self.class_names, images.labels, confusion)

    @property
    def name(self) -> str:
        """The ensemble in words: `ensemble of 2 networks`."""
        count = len(self._used)
        return f"ensemble of {count} network{'s' if count > 1 else ''}"

    @property
    def _used(self) -> list[Predicting]:
        return [own for own, weight in zip(self.networks, self.weights, strict=True) if weight]

    def _mean(self, values: Sequence[np.ndarray]) -> np.ndarray:
        weights = [weight for weight in self.weights if weight]
        return np.average(np.asarray(values, np.float64), 0, weights).astype(np.float32)

    def __repr__(self) -> str:
        return f"<{self.name.capitalize()}, {len(self.class_names)} outputs>"
