"""Measures of classes and labels that count right and wrong predictions.

Definitions are scikit-learn's. A class counts in a macro mean if any image belongs to it or is
predicted as it. The precision, recall or F1 of a class that is never predicted, or that has no
image, is 0. An image with an output that is not finite belongs to its class and is predicted as
none.
"""

import jax.numpy as jnp
from jax import Array

from hptjax.checks import some
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.models.forward import correct
from hptjax.tasks.base import Measure, Sums


class Accuracy(Measure):
    """The share of images that are classified correctly."""

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        return {"hits": jnp.sum(correct(outputs, targets) & real)}

    def value(self, sums: Sums) -> Array:
        return sums["hits"] / sums["images"]


class TopAccuracy(Measure):
    """The share of images whose class is among the k largest outputs.

    Of classes with equal outputs, the one with the lower number comes first.
    """

    def __init__(self, k: int) -> None:
        self._k = k

    def check(self, dataset: ImageDataset) -> None:
        check_number(f"top_{self._k}_accuracy", self._k, 1, dataset.num_classes)

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        own = jnp.take_along_axis(outputs, jnp.maximum(targets, 0)[None], 0)
        before = jnp.arange(len(outputs))[:, None] < targets
        rank = jnp.sum((outputs > own) | ((outputs == own) & before), 0)
        hits = (rank < self._k) & jnp.isfinite(outputs).all(0) & real
        return {f"top_{self._k}_hits": jnp.sum(hits)}

    def value(self, sums: Sums) -> Array:
        return sums[f"top_{self._k}_hits"] / sums["images"]


class OfConfusion(Measure):
    """A measure of the confusion matrix int32 [K, K + 1]: images by class and predicted class.

    The last column holds the images whose outputs are not finite.
    """

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        classes = len(outputs)
        guess = jnp.where(jnp.isfinite(outputs).all(0), jnp.argmax(outputs, 0), classes)
        empty = jnp.zeros((classes, classes + 1), jnp.int32)
        place = jnp.where(real, targets, classes)  # an index outside is dropped
        return {"confusion": empty.at[place, guess].add(1, mode="drop")}

    @staticmethod
    def counts(sums: Sums) -> tuple[Array, Array, Array]:
        """Returns for each class [K]: correctly predicted images, its images, predicted images."""
        confusion = sums["confusion"]
        return jnp.diagonal(confusion), confusion.sum(1), confusion[:, :-1].sum(0)


class MacroF1(OfConfusion):
    """The mean over classes of F1, the harmonic mean of precision and recall."""

    def value(self, sums: Sums) -> Array:
        hits, images, guesses = self.counts(sums)
        return mean_of(share(2 * hits, images + guesses), images + guesses > 0)


class MacroPrecision(OfConfusion):
    """The mean over classes of precision: the share of right images among those predicted."""

    def value(self, sums: Sums) -> Array:
        hits, images, guesses = self.counts(sums)
        return mean_of(share(hits, guesses), images + guesses > 0)


class MacroRecall(OfConfusion):
    """The mean over classes of recall: the share of a class's images predicted as the class."""

    def value(self, sums: Sums) -> Array:
        hits, images, guesses = self.counts(sums)
        return mean_of(share(hits, images), images + guesses > 0)


class BalancedAccuracy(OfConfusion):
    """The mean recall over the classes that have images."""

    def value(self, sums: Sums) -> Array:
        hits, images, _ = self.counts(sums)
        return mean_of(share(hits, images), images > 0)


class Recall(OfConfusion):
    """The share of one class's images that are predicted as it; class numbers begin at 0."""

    def __init__(self, number: int) -> None:
        self._number = number

    def check(self, dataset: ImageDataset) -> None:
        numbered = enumerate(dataset.class_names)
        named = [f"{k} is {name}" for k, name in numbered if name != str(k)]
        meant = f" ({some(named)})" if named else ""
        last = dataset.num_classes - 1
        check_number(f"recall_{self._number}", self._number, 0, last, meant)

    def value(self, sums: Sums) -> Array:
        hits, images, _ = self.counts(sums)
        return share(hits, images)[self._number]


def check_number(measure: str, number: int, low: int, high: int, meant: str = "") -> None:
    """Raises ConfigError unless the number in a measure's name is in low..high.

    meant: what the numbers mean, for the error.
    """
    if not low <= number <= high:
        raise ConfigError(
            f"{measure}: the number must be one of {low}..{high}{meant}, for there are "
            f"{high + 1 - low} classes, got {number}."
        )


def share(part: Array, whole: Array) -> Array:
    """Returns part / whole, 0 where whole is 0."""
    return part / jnp.maximum(whole, 1)


def mean_of(values: Array, counted: Array) -> Array:
    """Returns the mean of the values [K] that count, 0 if none does."""
    return share(jnp.where(counted, values, 0).sum(), counted.sum())
