"""One network by itself: trained epoch by epoch, made again from its record, noted in its file."""

from collections.abc import Callable, Mapping
from typing import Any

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.population import Member
from hptjax.records.best import SavedNetwork
from hptjax.records.trial import TrialRecord, finite_or_none
from hptjax.study.config import DataConfig, StudyConfig
from hptjax.study.data import StudyData, noted_digests
from hptjax.study.executor import Resident
from hptjax.study.local import local_executor

OnEpoch = Callable[[int, Mapping[str, float]], None]


def train_alone(
    population: Resident, epochs: int, on_epoch: OnEpoch = lambda epoch, metrics: None
) -> tuple[dict[str, Any], dict[str, float]]:
    """Variables and metrics of a population of one; on_epoch is told each epoch's, from 1."""
    metrics: dict[str, float] = {}
    for epoch in range(1, epochs + 1):
        curves = population.advance(1).curves
        metrics = {name: float(curve[0, 0]) for name, curve in curves.items()}
        on_epoch(epoch, metrics)
    return dict(population.weights(0)), metrics


def remake(
    study: StudyConfig, trial: TrialRecord, data: StudyData, on_epoch: OnEpoch
) -> SavedNetwork:
    """The network of a trial, trained again from its record: the first one, where it was repeated.

    The study's own program trains it: on devices like the run's it becomes what it was, bit by bit.
    Raises ConfigError for a trial that was never trained.
    """
    if trial.config is None or not trial.age:
        why = trial.reason or trial.status.value
        raise ConfigError(f"trial {trial.strategy}/{trial.number} was never trained: {why}.")
    member = Member(ModelConfig.from_dict(trial.config), trial.key)
    population = local_executor(study, data).start([member])
    variables, metrics = train_alone(population, trial.age, on_epoch)
    noted = noted_digests(study.data, study.model, data)
    reached = {name: finite_or_none(metrics[name]) for name in ("val_loss", "val_accuracy")}
    return SavedNetwork(member.config, variables, notes(trial, study, noted) | reached)


def notes(
    trial: TrialRecord, study: StudyConfig, digests: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What is saved with a network: its trial, and the images that it learned from."""
    return {
        "strategy": trial.strategy,
        "number": trial.number,
        "value": trial.value,
        "val_loss": trial.last("val_loss"),
        "val_accuracy": trial.last("val_accuracy"),
        "hparams": dict(trial.hparams),
        **data_notes(study.data, study.seed, digests),
    }


def data_notes(
    data: DataConfig, seed: int, digests: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What tells where the images came from, how they were split, and which they were.

    digests: of `study.data`.
    """
    told = {} if digests is None else {"digests": dict(digests)}
    return {"data": data.model_dump(mode="json"), "seed": seed, **told}
