"""One class for each image: cross-entropy."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from pydantic import BeforeValidator, Field

from hptjax.checks import is_number
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError, shown
from hptjax.models.forward import cross_entropy
from hptjax.ops.numbers import Numbers
from hptjax.tasks.base import Measure, Task
from hptjax.tasks.counts import (
    Accuracy,
    BalancedAccuracy,
    MacroF1,
    MacroPrecision,
    MacroRecall,
    Recall,
    TopAccuracy,
)


def _weights(value: Any) -> Any:
    """Returns a word or a tuple of weights; ValueError, for pydantic, for anything else."""
    if isinstance(value, list | tuple) and all(is_number(item) and item >= 0 for item in value):
        return tuple(map(float, value))
    if value in ("none", "balanced"):
        return value
    raise ValueError("'none', 'balanced' or a list of numbers that are at least 0")


# Measures of classes or labels.
Weights = Annotated[Literal["none", "balanced"] | tuple[float, ...], BeforeValidator(_weights)]

_MEASURES = {
    "accuracy": Accuracy,
    "balanced_accuracy": BalancedAccuracy,
    "macro_f1": MacroF1,
    "macro_precision": MacroPrecision,
    "macro_recall": MacroRecall,
}
_FAMILIES = {r"top_([1-9]\d{0,3})_accuracy": TopAccuracy, r"recall_(0|[1-9]\d{0,3})": Recall}


class Classification(Task):
    """One class for each image, learned by softmax and cross-entropy [nats].

    label_smoothing: the share of each image's label that is spread evenly over all classes (Szegedy
    et al. 2016). class_weights: `balanced` weighs each class by images / (classes * images of it),
    as scikit-learn does, counting only classes with images; a list has a weight for each class, in
    their order. The objective is the mean over a batch, weighted by the classes' weights as in
    PyTorch; val_loss ignores both options.
    Measures: accuracy, balanced_accuracy, macro_f1, macro_precision, macro_recall,
    top_<k>_accuracy and recall_<class>, where the numbers of classes begin at 0.
    """

    measures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    train_measures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Weights = "none"

    def losses(self, outputs: Array, targets: Array) -> Array:
        return cross_entropy(outputs, jnp.maximum(targets, 0))

    def objective(self, outputs: Array, targets: Array, h: Numbers) -> Array:
        smooth = not (isinstance(h.label_smoothing, int | float) and h.label_smoothing == 0)
        if self.class_weights == "none" and not smooth:
            return cross_entropy(outputs, targets).mean()
        weights = self._weights(len(outputs))
        own = weights[targets]
        loss = (own * cross_entropy(outputs, targets)).sum()
        if smooth:
            others = -(weights[:, None] * jax.nn.log_softmax(outputs, 0)).sum(0).sum()
            loss = (1 - h.label_smoothing) * loss + h.label_smoothing / len(outputs) * others
        whole = own.sum()  # 0 if no class in the batch has a weight: the batch teaches nothing
        return jnp.where(whole > 0, loss / jnp.where(whole > 0, whole, 1), 0)

    def _weights(self, classes: int) -> Array:
        if self.class_weights == "none":
            return jnp.ones(classes)
        assert not isinstance(self.class_weights, str), "balanced weights need fitted(dataset)"
        return jnp.array(self.class_weights, jnp.float32)

    def fitted(self, dataset: ImageDataset) -> Self:
        """Returns the task with numbers instead of balanced weights."""
        if self.class_weights != "balanced":
            return self
        counts = np.bincount(dataset.labels, minlength=dataset.num_classes)
        present = np.count_nonzero(counts)
        weights = np.where(counts, len(dataset.labels) / (present * np.maximum(counts, 1)), 0.0)
        return self.model_copy(update={"class_weights": tuple(weights.tolist())})

    def check(self, dataset: ImageDataset) -> None:
        super().check(dataset)
        check_weights(self.class_weights, "class_weights", dataset)

    def predicted(self, outputs: Array) -> Array:
        """Returns the probability of each class."""
        return jax.nn.softmax(outputs, 0)

    def find(self, measure: str) -> Measure | None:
        if measure in _MEASURES:
            return _MEASURES[measure]()
        for pattern, family in _FAMILIES.items():
            if match := re.fullmatch(pattern, measure):
                return family(int(match[1]))
        return super().find(measure)

    def unknown(self, metric: str, path: str, others: Iterable[str] = ()) -> ConfigError:
        """Returns the error of `Task.unknown`; of a class by its name, it tells the form."""
        _, of_class, name = metric.partition("recall_")
        if not of_class:
            return super().unknown(metric, path, others)
        return ConfigError(
            f"{path}: must name a class by its number, as in val_recall_0, got {shown(name)}; "
            "numbers follow the order of the data's classes, as hptjax data SOURCE lists them."
        )

    def known(self) -> tuple[str, ...]:
        return ("loss", *_MEASURES, "top_3_accuracy", "recall_0")


def check_weights(weights: Weights, option: str, dataset: ImageDataset) -> None:
    """Raises ConfigError unless there is a weight for each output, and one above 0."""
    if isinstance(weights, str):
        return
    if len(weights) != dataset.num_classes:
        raise ConfigError(
            f"task.{option}: must have a weight for each of the {dataset.num_classes} "
            f"{dataset.kind} of {dataset.name}, got {len(weights)}."
        )
    if not any(weights):
        raise ConfigError(f"task.{option}: must not all be 0.")
