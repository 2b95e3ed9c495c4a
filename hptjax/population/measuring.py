"""The loss that a member minimises and its measures, by the task of its program."""

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.config.named import Part
from hptjax.config.traced import traced_numbers
from hptjax.models.choices import Choices
from hptjax.models.numbers import TracedNumbers
from hptjax.ops.numbers import Numbers
from hptjax.population.update import chosen
from hptjax.records.metrics import TRAIN, VAL
from hptjax.tasks.base import Measure, batch_sums

Sums = dict[str, Array]


def metric_names(choices: Choices) -> tuple[str, ...]:
    """Returns the metrics of an epoch, in their order; choices: fitted."""
    train = (TRAIN + name for name in choices.tasks[0].options.train_measures)
    return (*train, *(VAL + name for name in choices.measures))


def objective(choices: Choices, outputs: Array, targets: Array, numbers: TracedNumbers) -> Array:
    """Returns the scalar loss of a step, from outputs [K, B] and targets [B, ...]."""

    def of(kind: Part) -> Array:
        own = traced_numbers(kind.options)
        # A number that no member tunes is one constant for all members.
        h = {n: numbers.get(f"task.{n}", getattr(kind.options, n)) for n in own}
        return kind.options.objective(outputs, targets, Numbers(**h))

    return chosen(choices.tasks, of, numbers.get("task"))


def train_metrics(choices: Choices, loss: Array, outputs: Array, targets: Array) -> Sums:
    """Returns the measures of a training batch, {measure: value}; loss: the objective."""
    task, count = choices.tasks[0].options, outputs.shape[-1]
    measures = {name: task.measure(name) for name in task.train_measures if name != "loss"}
    sums = batch_sums(measures.values(), outputs, targets, jnp.ones(count, bool))
    values = {name: measure.value({**sums, "images": count}) for name, measure in measures.items()}
    return {"loss": loss, **values}


def val_sums(
    choices: Choices, outputs: Array, targets: Array, real: Array, numbers: TracedNumbers
) -> Sums:
    """Returns the sums over a batch of validation images; real [B]: False where it is filled up."""

    def of(kind: Part) -> Sums:
        return batch_sums(_measures(choices, kind).values(), outputs, targets, real)

    return chosen(choices.tasks, of, numbers.get("task"))


def val_metrics(
    choices: Choices, sums: Sums, images: Array, numbers: TracedNumbers
) -> dict[str, Array]:
    """Returns the measures of all validation images; images: their number."""

    def of(kind: Part) -> dict[str, Array]:
        measures = _measures(choices, kind).items()
        return {name: measure.value({**sums, "images": images}) for name, measure in measures}

    return chosen(choices.tasks, of, numbers.get("task"))


def no_sums(choices: Choices, outputs: jax.ShapeDtypeStruct, targets: Array) -> Sums:
    """Returns the sums over no images; outputs: the shape for a batch; targets [B, ...]."""
    real = jax.ShapeDtypeStruct(targets.shape[:1], bool)
    measures = _measures(choices, choices.tasks[0]).values()
    shapes = jax.eval_shape(lambda o, t, r: batch_sums(measures, o, t, r), outputs, targets, real)
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def _measures(choices: Choices, kind: Part) -> dict[str, Measure]:
    """Returns the measures of the validation images by name."""
    return {name: kind.options.measure(name) for name in choices.measures}
