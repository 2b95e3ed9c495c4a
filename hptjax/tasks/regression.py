"""Real numbers for each image: the mean squared, absolute or Huber error."""

from typing import Annotated, ClassVar, Literal, Self

import jax.numpy as jnp
from jax import Array
from pydantic import BeforeValidator, Field

from hptjax.config.frozen import as_tuple
from hptjax.data.dataset import ImageDataset
from hptjax.data.targets import Kind
from hptjax.ops.numbers import Numbers
from hptjax.tasks.base import Measure, Sums, Task


class Regression(Task):
    """One or more real numbers for each image, targets [B] or [B, T].

    Targets are learned as they are: scale them to about zero mean and unit variance. loss: the mean
    over images and numbers of `mse`, the squared error; of `l1`, the absolute error; or of `huber`,
    half the squared error up to an absolute error of delta, and beyond it delta times (the
    absolute error - delta / 2) (Huber 1964). val_loss uses `loss`, with delta 1 for huber.
    delta: of huber, in units of the targets. centre: subtracted from targets when r2 is summed,
    against rounding; by default the means of the training set.

    Measures, as in scikit-learn: mae; rmse (the root mean squared error, averaged over the T
    numbers); and r2 (1 - squared error / squared deviation from the mean, averaged over the T
    numbers; for a number that is the same for all images, 1 if it is met exactly, else 0).
    """

    main: ClassVar[str | None] = "loss"
    loss_options: ClassVar[tuple[str, ...]] = ("loss",)
    kind: ClassVar[Kind] = "targets"
    measures: ClassVar[tuple[str, ...]] = ("loss", "mae", "rmse", "r2")
    train_measures: ClassVar[tuple[str, ...]] = ("loss", "mae")

    loss: Literal["mse", "l1", "huber"] = "mse"
    delta: Annotated[float, Field(gt=0)] = 1.0
    centre: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] = ()

    def losses(self, outputs: Array, targets: Array) -> Array:
        return self._loss(errors_of(outputs, targets), 1.0).mean(0)

    def objective(self, outputs: Array, targets: Array, h: Numbers) -> Array:
        return self._loss(errors_of(outputs, targets), h.delta).mean()

    def _loss(self, errors: Array, delta: Array | float) -> Array:
        if self.loss == "mse":
            return errors**2
        size = jnp.abs(errors)
        if self.loss == "l1":
            return size
        near = jnp.minimum(size, delta)  # keeps the gradients of both branches finite
        return 0.5 * near**2 + delta * (size - near)

    def fitted(self, dataset: ImageDataset) -> Self:
        """Returns the task with the means of the training set's targets."""
        if self.centre:
            return self
        means = dataset.labels.reshape(dataset.size, -1).mean(0, dtype=float)
        return self.model_copy(update={"centre": tuple(map(float, means))})

    def find(self, measure: str) -> Measure | None:
        known = {"mae": MeanAbsoluteError, "rmse": RootMeanSquaredError}
        if measure in known:
            return known[measure]()
        return R2(self.centre) if measure == "r2" else super().find(measure)


def errors_of(outputs: Array, targets: Array) -> Array:
    """Returns outputs - targets, [T, B]."""
    return outputs - rows_of(targets)


def rows_of(targets: Array) -> Array:
    """Returns targets [B] or [B, T] as [T, B]."""
    return targets[None] if targets.ndim == 1 else targets.T


class MeanAbsoluteError(Measure):
    """The mean over images and targets of the absolute error."""

    direction, ideal = "minimize", 0.0

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        errors = jnp.abs(errors_of(outputs, targets)).mean(0)
        return {"absolute_errors": jnp.where(real, errors, 0).sum()}

    def value(self, sums: Sums) -> Array:
        return sums["absolute_errors"] / sums["images"]


class RootMeanSquaredError(Measure):
    """The mean over the targets of the root of the mean squared error."""

    direction, ideal = "minimize", 0.0

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        errors = errors_of(outputs, targets) ** 2
        return {"squared_errors": jnp.where(real, errors, 0).sum(1)}

    def value(self, sums: Sums) -> Array:
        return jnp.sqrt(sums["squared_errors"] / sums["images"]).mean()


class R2(RootMeanSquaredError):
    """The coefficient of determination, averaged over the targets."""

    direction, ideal = "maximize", 1.0

    def __init__(self, centre: tuple[float, ...] = ()) -> None:
        """centre: numbers [T] near the targets' means; targets are measured from them."""
        self._centre = centre

    def sums(self, outputs: Array, targets: Array, real: Array) -> dict[str, Array]:
        rows = rows_of(targets) - jnp.array(self._centre or (0.0,), jnp.float32)[:, None]
        rows = jnp.where(real, rows, 0)
        own = {"targets": rows.sum(1), "squared_targets": (rows**2).sum(1)}
        return super().sums(outputs, targets, real) | own

    def value(self, sums: Sums) -> Array:
        errors = sums["squared_errors"]
        squares = sums["squared_targets"]
        spread = squares - sums["targets"] ** 2 / sums["images"]
        constant = spread <= 1e-6 * squares  # to the precision of float32
        ratio = errors / jnp.where(constant, 1, spread)
        return jnp.where(constant, jnp.where(errors == 0, 1.0, 0.0), 1 - ratio).mean()
