"""Trains one network by itself: again from a trial's record, or further from kept weights."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from hptjax.config.model import AnyModel, read_model
from hptjax.errors import ConfigError
from hptjax.executors.base import Resident
from hptjax.executors.local import local_executor, make_trainer
from hptjax.models.variables import flat_arrays
from hptjax.models.weights import FlatLayout, layouts
from hptjax.population import Member, Population, PopulationTrainer
from hptjax.population.update import start
from hptjax.records.trial import TrialRecord
from hptjax.settings import fixed_settings
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.data_config import DataConfig
from hptjax.study.metrics import functions_of, named_metrics

OnEpoch = Callable[[int, Mapping[str, float]], None]
Trained = tuple[dict[str, Any], dict[str, float]]


def train_alone(
    population: Resident, epochs: int, on_epoch: OnEpoch = lambda epoch, metrics: None
) -> Trained:
    """Trains a population of one; returns its variables and metrics."""
    metrics: dict[str, float] = {}
    for epoch in range(1, epochs + 1):
        curves = population.advance(1).curves
        metrics = {name: float(curve[0, 0]) for name, curve in curves.items()}
        on_epoch(epoch, metrics)
    return dict(population.weights(0)), metrics


def train_anew(
    study: StudyConfig, trial: TrialRecord, data: StudyData, epochs: int, on_epoch: OnEpoch
) -> tuple[AnyModel, dict[str, Any], dict[str, float]]:
    """Trains a trial's network again with its key; returns config, variables and metrics.

    The study's own program trains it: on devices like the run's, its epochs are the same, bit by
    bit, unless its learning rate is scheduled over another number of epochs. Raises ConfigError for
    a trial that was never trained.
    """
    if trial.config is None or not trial.age:
        why = trial.reason or trial.status.value
        raise ConfigError(f"trial {trial.strategy}/{trial.number} was never trained: {why}.")
    member = Member(read_model(trial.config), trial.key)
    if epochs > study.epochs and is_scheduled(member.config):
        study = study.model_copy(update={"epochs": epochs})
    population = local_executor(study, _measured(study, data)).start([member])
    return member.config, *train_alone(population, epochs, on_epoch)


def _measured(study: StudyConfig, data: StudyData) -> StudyData:
    """The data with the functions of logits that the study names; a caller's own are missing."""
    found = functions_of(named_metrics(study.metric, study.recorded, study.task))
    return replace(data, functions={**found, **data.functions})


def is_scheduled(config: AnyModel) -> bool:
    """Whether the learning rate depends on the total number of epochs."""
    return config.lr_schedule.name != "constant" or config.warmup > 0


def train_on(
    config: AnyModel,
    variables: Mapping[str, Any],
    data: StudyData,
    images: DataConfig,
    *,
    seed: int,
    key: int,
    age: int,
    epochs: int,
    on_epoch: OnEpoch,
) -> Trained:
    """Trains a network of `age` epochs for `epochs` more; returns its variables and metrics.

    The state of its optimizer was not kept: its slots, and a schedule of its learning rate, start
    again. The order of the images, the augmentation and the dropout are those of the epochs from
    `age` on. key: the network's random keys derive from it.
    """
    member = Member(config, key)
    trainer = make_trainer([config], data, images, seed=seed, epochs=epochs)
    state = trainer.start([member])
    arrays = trainer.snapshot(state)
    own = flat_arrays(config, variables)
    for name, layout in zip(("params", "stats"), layouts(member.shape), strict=True):
        arrays[name] = _joined(layout, arrays[name][0], own)[None]
    for name, slot in _slots(trainer, state.hparams[0], arrays["params"][0]).items():
        arrays[name] = slot[None]
    population = Population(trainer, trainer.restore([member], arrays, age))
    return train_alone(population, epochs, on_epoch)


def _joined(layout: FlatLayout, before: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The vector of these arrays; the arrays of norms that are off stay unchanged."""
    parts = layout.split(before) | {k: v for k, v in arrays.items() if k in layout.places}
    return np.concatenate([parts[name].reshape(-1) for name in layout.places] or [before])


def _slots(trainer: PopulationTrainer, hparams: Any, params: np.ndarray) -> dict[str, np.ndarray]:
    """The initial slots [N] of an optimizer for these weights [N]; hparams: [rows]."""
    with fixed_settings():
        numbers = jax.tree.map(lambda column: column[0], hparams.numbers)
        slots = jax.device_get(start(trainer.choices, jax.numpy.asarray(params), numbers))
    return {f"slots.{k}": np.asarray(slot) for k, slot in enumerate(slots)}
