"""The contracts of a task and of a measure.

The outputs of a network are [K, B]: a row for each unit of its head, a column for each image. The
head is never padded. Targets are [B, ...], as in a data set.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Frozen
from hptjax.data.dataset import ImageDataset
from hptjax.data.targets import Kind
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.ops.numbers import Numbers
from hptjax.records.metrics import VAL, Direction

Sums = Mapping[str, Array]


class Measure(ABC):
    """One number that rates the outputs of a network, on any number of images.

    It is computed from sums over the batches of a data set; measures share sums of the same name.
    direction: which way is better. ideal: the best possible value.
    """

    direction: ClassVar[Direction] = "maximize"
    ideal: ClassVar[float] = 1.0

    def check(self, dataset: ImageDataset) -> None:
        """Raises ConfigError if the measure cannot be computed for this data set."""
        return

    @abstractmethod
    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        """Returns the sums of one batch by name; images that are not real must add zero.

        outputs: [K, B]; targets: [B, ...]; real: [B] bool, False for images that fill up a batch.
        An image with outputs that are not finite must count as wrong, and must not change the part
        of any other image.
        """

    @abstractmethod
    def value(self, sums: Sums) -> Array:
        """Returns the measure, a scalar; sums: of all images, with their number `images` >= 1."""


class Loss(Measure):
    """The mean of the plain loss of each image."""

    direction, ideal = "minimize", 0.0

    def __init__(self, losses: Callable[[Array, Array], Array]) -> None:
        """losses: a function of outputs [K, B] and targets [B, ...] that returns [B]."""
        self._losses = losses

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        return {"loss": jnp.where(real, self._losses(outputs, targets), 0).sum()}

    def value(self, sums: Sums) -> Array:
        return sums["loss"] / sums["images"]


class Task(Frozen):
    """What networks learn. A subclass's fields are its options; `float` options are traced.

    Static options are read from self. Traced options differ by member and are read from the
    argument `h` of `objective`; one that no member of a program tunes may come as a Python float.

    kind: the kind of targets that a data set must have. measures: computed each epoch on the
    validation images. train_measures: computed each epoch on the training images, in training mode,
    as means over the batches. `loss` is the first of both. On validation images it is the plain
    loss, the mean of `losses`, whatever the options do to the objective, so that candidates are
    comparable; on training images it is the objective. main: the option that takes the value in
    `word: value`. loss_options: options that change the plain loss all the same: if one is tuned,
    no loss can rank trials.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], task="regression")
        >>> isinstance(model.task.options, hptjax.Task)
        True
    """

    main: ClassVar[str | None] = None
    loss_options: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[Kind] = "classes"
    measures: ClassVar[tuple[str, ...]] = ("loss",)
    train_measures: ClassVar[tuple[str, ...]] = ("loss",)

    @abstractmethod
    def losses(self, outputs: Array, targets: Array) -> Array:
        """Returns the plain loss of each image [B]; outputs: [K, B], targets: [B, ...].

        Targets of images that are not real are -1 or 0: their loss must be computable, and is
        dropped.
        """

    def objective(self, outputs: Array, targets: Array, h: Numbers) -> Array:
        """Returns the scalar that training minimises; h: the traced numbers of the member."""
        return self.losses(outputs, targets).mean()

    def outputs(self, dataset: ImageDataset) -> int:
        """Returns the units of the head: one for each class, label or target."""
        return dataset.num_classes

    def fitted(self, dataset: ImageDataset) -> Self:
        """Returns the task with the static options that follow from the training set."""
        return self

    def check(self, dataset: ImageDataset) -> None:
        """Raises ConfigError unless the data set fits this task."""
        if dataset.kind != self.kind:
            raise ConfigError(
                f"task: {self.name} learns {self.kind}, but {dataset.name} has {dataset.kind}."
            )

    def predicted(self, outputs: Array) -> Array:
        """Turns outputs [K, B] into readable results: probabilities or numbers."""
        return outputs

    def find(self, measure: str) -> Measure | None:
        """Returns the measure of that name, None if there is none."""
        return Loss(self.losses) if measure == "loss" else None

    def known(self) -> tuple[str, ...]:
        """Returns the names of all measures, for errors and lists; of a family, one example."""
        return self.measures

    @property
    def name(self) -> str:
        """The task's word, for errors."""
        text = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in text).lstrip("_")

    def measure(self, name: str) -> Measure:
        """Returns the measure of that name; ConfigError for an unknown name."""
        found = self.find(name)
        if found is None:
            hint = did_you_mean(name, self.known())
            raise ConfigError(f"task: {self.name} has no measure {shown(name)}; {hint}")
        return found

    def measure_of_metric(self, metric: str) -> Measure:
        """Returns the measure of a metric such as val_macro_f1; ConfigError for another name."""
        found = self.find(metric.removeprefix(VAL)) if metric.startswith(VAL) else None
        if found is None:
            raise self.unknown(metric, "metric")
        return found

    def unknown(self, metric: str, path: str, others: Iterable[str] = ()) -> ConfigError:
        """Returns the error for an unknown metric; others: further names that would be known."""
        word = metric.removeprefix(VAL)
        known = [*(VAL + name for name in self.known()), *others]
        near = [name for name in known if word and name.endswith(f"_{word}")]
        hint = f"did you mean {near[0]!r}?" if near else did_you_mean(metric, known)
        return ConfigError(f"{path}: {self.name} has no {shown(metric)}; {hint}")


def batch_sums(
    measures: Iterable[Measure], outputs: Array, targets: Array, real: Array
) -> dict[str, Array]:
    """Returns the sums of several measures on one batch, each sum once."""
    sums: dict[str, Array] = {}
    for measure in measures:
        sums |= measure.sums(outputs, targets, real)
    return sums
