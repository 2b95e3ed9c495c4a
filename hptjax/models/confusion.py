"""The confusion matrix of a network's classes, and measures of each class."""

from dataclasses import dataclass

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError


@dataclass(frozen=True, eq=False)
class PerClass:
    """Measures of each class [K], by scikit-learn's definitions; 0 where there is no image.

    count: images of the class. confusion: int64 [K, K], a row for each true class.
    """

    class_names: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count: np.ndarray
    confusion: np.ndarray


def check_classes(config: AnyModel) -> None:
    """Raises ConfigError if the network's task is not classification."""
    if config.task.options.kind != "classes":
        raise ConfigError(f"per class: a {config.task.name} has no classes; evaluate measures it.")


def confusion_of(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns int64 [K, K], a row for each true class, from labels [N] and logits [N, K].

    An image whose outputs are not all finite is left out.
    """
    classes = logits.shape[1]
    known = np.isfinite(logits).all(1)
    pairs = labels[known].astype(np.int64) * classes + logits[known].argmax(1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def per_class_of(
    class_names: tuple[str, ...], labels: np.ndarray, confusion: np.ndarray
) -> PerClass:
    """Returns the measures of each class; labels: those of all images, also of left-out ones."""
    hits, guessed = np.diagonal(confusion), confusion.sum(0)
    count = np.bincount(labels, minlength=len(class_names))
    return PerClass(
        class_names,
        precision=hits / np.maximum(guessed, 1),
        recall=hits / np.maximum(count, 1),
        f1=2 * hits / np.maximum(guessed + count, 1),
        count=count,
        confusion=confusion,
    )
