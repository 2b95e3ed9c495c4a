"""Which classes a network takes for which: the confusion matrix, and measures of each class."""

from dataclasses import dataclass

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError


@dataclass(frozen=True, eq=False)
class PerClass:
    """Measures of each class [K], by scikit-learn's definitions; where there is no image, 0.

    count: images of the class; confusion: int64 [K, K], a row for each true class.
    """

    class_names: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count: np.ndarray
    confusion: np.ndarray


def check_classes(config: AnyModel) -> None:
    """ConfigError of a network of another task than classification."""
    if config.task.options.kind != "classes":
        raise ConfigError(f"per class: a {config.task.name} has no classes; evaluate measures it.")


def confusion_of(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """int64 [K, K], a row for each true class, of labels [N] and logits [N, K].

    An image whose outputs are not all finite is taken for no class, and is left out.
    """
    classes = logits.shape[1]
    known = np.isfinite(logits).all(1)
    pairs = labels[known].astype(np.int64) * classes + logits[known].argmax(1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def per_class_of(
    class_names: tuple[str, ...], labels: np.ndarray, confusion: np.ndarray
) -> PerClass:
    """The measures of each class; labels: of all images, also those taken for no class."""
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
