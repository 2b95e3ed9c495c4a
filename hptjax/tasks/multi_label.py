"""Any number of labels for each image: binary cross-entropy."""

from typing import ClassVar, Self

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.data.dataset import ImageDataset
from hptjax.data.targets import Kind
from hptjax.ops.numbers import Numbers
from hptjax.tasks.base import Measure, Sums, Task
from hptjax.tasks.classification import Weights, check_weights
from hptjax.tasks.counts import share


class MultiLabel(Task):
    """Any number of labels for each image, targets [B, K] of 0 and 1, each learned by a sigmoid.

    The loss is the mean over images and labels of the binary cross-entropy [nats]. pos_weight: the
    weight of the images that have a label, as in PyTorch: `balanced` is images without it / images
    with it (1 if either is 0), a list has a number for each label; val_loss ignores it. A label is
    predicted if its probability is above 0.5.
    Measures: accuracy is that of scikit-learn, the share of images with all labels right (subset
    accuracy); hamming_loss is the share of labels that are wrong; macro_f1, micro_f1.
    """

    kind: ClassVar[Kind] = "labels"
    measures: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "macro_f1", "micro_f1")
    train_measures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    pos_weight: Weights = "none"

    def losses(self, outputs: Array, targets: Array) -> Array:
        return _cross_entropy(outputs, targets, 1.0).mean(0)

    def objective(self, outputs: Array, targets: Array, h: Numbers) -> Array:
        if self.pos_weight == "none":
            return self.losses(outputs, targets).mean()
        assert not isinstance(self.pos_weight, str), "balanced weights need fitted(dataset)"
        weights = jnp.array(self.pos_weight, jnp.float32)[:, None]
        return _cross_entropy(outputs, targets, weights).mean()

    def fitted(self, dataset: ImageDataset) -> Self:
        """Returns the task with numbers instead of balanced weights."""
        if self.pos_weight != "balanced":
            return self
        ones = dataset.labels.sum(0, dtype=int)
        weights = [(len(dataset.labels) - n) / n if 0 < n < dataset.size else 1.0 for n in ones]
        return self.model_copy(update={"pos_weight": tuple(map(float, weights))})

    def check(self, dataset: ImageDataset) -> None:
        super().check(dataset)
        check_weights(self.pos_weight, "pos_weight", dataset)

    def predicted(self, outputs: Array) -> Array:
        """Returns the probability of each label."""
        return jax.nn.sigmoid(outputs)

    def find(self, measure: str) -> Measure | None:
        return _MEASURES[measure]() if measure in _MEASURES else super().find(measure)

    def known(self) -> tuple[str, ...]:
        return ("loss", *_MEASURES)


def _cross_entropy(outputs: Array, targets: Array, positive: Array | float) -> Array:
    """Returns the loss of each label and image [K, B]; positive: weights [K, 1] of present ones."""
    there = jnp.swapaxes(targets, 0, 1).astype(outputs.dtype)
    log_sigmoid = jax.nn.log_sigmoid
    return -(positive * there * log_sigmoid(outputs) + (1 - there) * log_sigmoid(-outputs))


class OfLabels(Measure):
    """A measure that counts labels; an image with outputs that are not finite has all wrong."""

    @staticmethod
    def labels(outputs: Array, targets: Array) -> tuple[Array, Array]:
        """Returns the true and the predicted labels: bool, both [K, B]."""
        there = jnp.swapaxes(targets, 0, 1) == 1
        return there, jnp.where(jnp.isfinite(outputs).all(0), outputs > 0, ~there)


class SubsetAccuracy(OfLabels):
    """The share of images with all labels right."""

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        there, guess = self.labels(outputs, targets)
        return {"hits": jnp.sum((there == guess).all(0) & real)}

    def value(self, sums: Sums) -> Array:
        return sums["hits"] / sums["images"]


class OfLabelCounts(OfLabels):
    """A measure of how often each label [K] is correctly predicted, is present, is predicted."""

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        there, guess = self.labels(outputs, targets)
        named = {"label_hits": there & guess, "label_images": there, "label_guesses": guess}
        return {name: jnp.sum(flags & real, 1) for name, flags in named.items()}


class HammingLoss(OfLabelCounts):
    """The share of labels that are wrong."""

    direction, ideal = "minimize", 0.0

    def value(self, sums: Sums) -> Array:
        hits = sums["label_hits"]
        wrong = (sums["label_images"] + sums["label_guesses"] - 2 * hits).sum()
        return wrong / (sums["images"] * len(hits))


class MacroF1(OfLabelCounts):
    """The mean over all labels of F1; 0 for a label that is neither present nor predicted."""

    def value(self, sums: Sums) -> Array:
        return share(2 * sums["label_hits"], sums["label_images"] + sums["label_guesses"]).mean()


class MicroF1(OfLabelCounts):
    """F1 of the labels of all images together."""

    def value(self, sums: Sums) -> Array:
        whole = sums["label_images"] + sums["label_guesses"]
        return share(2 * sums["label_hits"].sum(), whole.sum())


_MEASURES = {
    "accuracy": SubsetAccuracy,
    "macro_f1": MacroF1,
    "micro_f1": MicroF1,
    "hamming_loss": HammingLoss,
}
