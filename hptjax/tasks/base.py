"""The contracts of a task and of a measure.

The outputs of a network are [K, B]: a row for each unit of its head, a column for each image. The
head is never padded. Targets are [B, ...], as a data set has them.
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
    """One number that says how good the outputs of a network are, on any number of images.

    It is computed of sums, which are added up over the batches of a data set; sums of one name are
    the same for all measures. direction: which way is better. ideal: the best value there is.
    """

    direction: ClassVar[Direction] = "maximize"
    ideal: ClassVar[float] = 1.0

    def check(self, dataset: ImageDataset) -> None:
        """ConfigError where it cannot be taken of a network for this data set."""
        return

    @abstractmethod
    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        """What is added up over batches, by name; of images that are not real it must be zero.

        outputs: [K, B]; targets: [B, ...]; real: [B] bool, False where a batch is filled up. An
        image with outputs that are not finite must count as wrong, and change no other image's
        part.
        """

    @abstractmethod
    def value(self, sums: Sums) -> Array:
        """The measure, a scalar; sums: of all images, with `images`, their number, at least 1."""


class Loss(Measure):
    """The mean of the plain loss of each image."""

    direction, ideal = "minimize", 0.0

    def __init__(self, losses: Callable[[Array, Array], Array]) -> None:
        """losses: of outputs [K, B] and targets [B, ...], [B]."""
        self._losses = losses

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        return {"loss": jnp.where(real, self._losses(outputs, targets), 0).sum()}

    def value(self, sums: Sums) -> Array:
        return sums["loss"] / sums["images"]


class Task(Frozen):
    """What networks learn. A subclass's fields are its options; `float` ones are traced.

    Static options are read from self. Traced ones differ by member and are read from the argument
    `h` of `objective`; one that no member of a program tunes may come as a Python float.

    kind: of the data sets' targets. measures: those of each epoch on the validation images.
    train_measures: those of each epoch on the training images, in training mode: the means over its
    batches. `loss` is the first of both: of the validation images it is the plain loss, the mean of
    `losses`, whatever the options make of the objective, so that candidates are comparable; of the
    training images it is the objective. main: the option that `word: value` sets. loss_options:
    those that make the plain loss another number all the same: where one is tuned, no loss ranks
    trials.

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
        """The plain loss of each image [B]; outputs: [K, B], targets: [B, ...].

        Targets of images that are not real are -1 or 0: the loss must be computable, and is
        dropped.
        """

    def objective(self, outputs: Array, targets: Array, h: Numbers) -> Array:
        """What training minimises, a scalar; h: the traced numbers of the member."""
        return self.losses(outputs, targets).mean()

    def outputs(self, dataset: ImageDataset) -> int:
        """Units of the head: one for each class, label or target."""
        return dataset.num_classes

    def fitted(self, dataset: ImageDataset) -> Self:
        """The task with what it takes from the training set, as static options."""
        return self

    def check(self, dataset: ImageDataset) -> None:
        """ConfigError unless the data set is one for this task."""
        if dataset.kind != self.kind:
            raise ConfigError(
                f"task: {self.name} learns {self.kind}, but {dataset.name} has {dataset.kind}."
            )

    def predicted(self, outputs: Array) -> Array:
        """What outputs [K, B] say of each image, as people read it: probabilities or numbers."""
        return outputs

    def find(self, measure: str) -> Measure | None:
        """The measure of that name, None where there is none."""
        return Loss(self.losses) if measure == "loss" else None

    def known(self) -> tuple[str, ...]:
        """The names of all measures, for errors and lists; of a family one example."""
        return self.measures

    @property
    def name(self) -> str:
        """Its word, for errors."""
        text = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in text).lstrip("_")

    def measure(self, name: str) -> Measure:
        """The measure of that name; ConfigError for an unknown one."""
        found = self.find(name)
        if found is None:
            hint = did_you_mean(name, self.known())
            raise ConfigError(f"task: {self.name} has no measure {shown(name)}; {hint}")
        return found

    def measure_of_metric(self, metric: str) -> Measure:
        """The measure of a metric such as val_macro_f1; ConfigError for another name."""
        found = self.find(metric.removeprefix(VAL)) if metric.startswith(VAL) else None
        if found is None:
            raise self.unknown(metric, "metric")
        return found

    def unknown(self, metric: str, path: str, others: Iterable[str] = ()) -> ConfigError:
        """The error about a metric that is none; others: names that would be known, too."""
        word = metric.removeprefix(VAL)
        known = [*(VAL + name for name in self.known()), *others]
        near = [name for name in known if word and name.endswith(f"_{word}")]
        hint = f"did you mean {near[0]!r}?" if near else did_you_mean(metric, known)
        return ConfigError(f"{path}: {self.name} has no {shown(metric)}; {hint}")


def batch_sums(
    measures: Iterable[Measure], outputs: Array, targets: Array, real: Array
) -> dict[str, Array]:
    """The sums of several measures on one batch, each once."""
    sums: dict[str, Array] = {}
    for measure in measures:
        sums |= measure.sums(outputs, targets, real)
    return sums
