"""Greedy ensemble selection: finds the kept networks that predict best together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.data.dataset import ImageDataset
from hptjax.models.ensemble import as_outputs
from hptjax.models.module import module_of
from hptjax.records.best import SavedNetwork
from hptjax.records.metrics import VAL, measure_of
from hptjax.settings import fixed_settings
from hptjax.study.metric import Metric
from hptjax.tasks.base import Task, batch_sums
from hptjax.tasks.classification import Classification
from hptjax.tasks.multi_label import MultiLabel

ROUNDS = 50  # the largest size of an ensemble, where repeated networks count repeatedly
BATCH = 250  # images that are applied together


@dataclass(frozen=True)
class Selection:
    """counts: how often each network is in the ensemble; measures: those of the ensemble."""

    counts: tuple[int, ...]
    measures: Mapping[str, float]


def greedy_counts(
    predictions: np.ndarray, loss: Callable[[np.ndarray], float], rounds: int = ROUNDS
) -> tuple[int, ...]:
    """How often each of M networks is in the best ensemble found.

    predictions: [M, N, K]; an ensemble predicts their mean. In each round the network that gives
    the lowest loss joins, possibly again. The best ensemble of all rounds wins, the smaller of
    equals. A loss that is not finite is the worst.

    Source: Caruana et al., Ensemble selection from libraries of models, 2004.
    """
    counts = np.zeros(len(predictions), int)
    total = np.zeros(predictions.shape[1:])
    best, lowest = counts, np.inf
    for size in range(1, rounds + 1):
        losses = np.array([loss((total + own) / size) for own in predictions])
        losses = np.where(np.isfinite(losses), losses, np.inf)
        chosen = int(losses.argmin())
        counts = counts + (np.arange(len(counts)) == chosen)
        total = total + predictions[chosen]
        if size == 1 or losses[chosen] < lowest:
            best, lowest = counts, losses[chosen]
    return tuple(map(int, best))


@fixed_settings()
def select(
    networks: Sequence[SavedNetwork],
    validation: ImageDataset,
    metric: Metric,
    measures: Sequence[str],
) -> Selection:
    """The greedy ensemble of networks of one task, by the study's metric on the validation set.

    An ensemble has no curves: for a metric that is a function of curves, the loss is used instead.
    measures: names of the task's measures to report.
    """
    task = networks[0].config.task.options.fitted(validation)
    spread, back = _averaged_as(task)
    predictions = np.stack([spread(outputs_of(own, validation)) for own in networks])
    measure = task.find(measure_of(metric.name)) if metric.name.startswith(VAL) else None
    judged = measure_of(metric.name) if measure is not None else "loss"

    measured = _measuring(task, validation)

    def loss(mean: np.ndarray) -> float:
        outputs = back(mean).astype(np.float32)
        if metric.curve:
            return metric.loss(metric.of_logits(outputs, validation.labels))
        value = float(measured(outputs, (judged,))[judged])
        return metric.sign * value if measure is not None else value

    counts = greedy_counts(predictions, loss)
    outputs = back(np.average(predictions, 0, counts)).astype(np.float32)
    found = {name: float(value) for name, value in measured(outputs, tuple(measures)).items()}
    if metric.curve:
        found[measure_of(metric.curve)] = metric.of_logits(outputs, validation.labels)
    return Selection(counts, found)


def _measuring(
    task: Task, dataset: ImageDataset
) -> Callable[[Any, tuple[str, ...]], dict[str, Array]]:
    """A function from outputs [N, K] for all images of a data set to the named measures."""

    @partial(jax.jit, static_argnums=1)
    def measured(outputs: Array, names: tuple[str, ...]) -> dict[str, Array]:
        chosen = {name: task.measure(name) for name in names}
        real = jnp.ones(dataset.size, bool)
        sums = batch_sums(chosen.values(), outputs.T, jnp.asarray(dataset.labels), real)
        images = {"images": jnp.float32(dataset.size)}
        return {name: own.value({**sums, **images}) for name, own in chosen.items()}

    return measured


def outputs_of(network: SavedNetwork, dataset: ImageDataset) -> np.ndarray:
    """The outputs of a network for all images of a data set, float32 [N, K]."""
    model = module_of(network.config)
    apply = jax.jit(lambda variables, x: jnp.asarray(model.apply(variables, x, train=False)))
    parts = []
    for start in range(0, dataset.size, BATCH):
        images = dataset.images[start : start + BATCH]
        spare = min(BATCH, dataset.size) - len(images)  # one shape is compiled, not two
        padded = np.concatenate([images, np.zeros((spare, *images.shape[1:]), images.dtype)])
        parts.append(np.asarray(apply(network.variables, padded))[: len(images)])
    return np.concatenate(parts)


def _averaged_as(
    task: Task,
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """Two functions: from a network's outputs to what is averaged, and back to outputs.

    Probabilities are averaged for classes and labels; for other tasks, the outputs themselves.
    """
    if not isinstance(task, Classification | MultiLabel):
        return lambda outputs: outputs, lambda mean: mean

    def spread(outputs: np.ndarray) -> np.ndarray:
        return np.asarray(task.predicted(jnp.asarray(outputs.T)).T, np.float64)

    return spread, partial(as_outputs, kind=task.kind)
