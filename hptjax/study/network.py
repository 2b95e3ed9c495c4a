"""One network of a study: trained alone at its exact shape, and what is noted where it is saved."""

from collections.abc import Callable, Mapping
from typing import Any

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.population import Member, Population
from hptjax.records.best import SavedNetwork
from hptjax.records.trial import TrialRecord, finite_or_none
from hptjax.study.config import DataConfig, StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.local import make_trainer

OnEpoch = Callable[[int, Mapping[str, float]], None]


def train_alone(
    member: Member,
    data: StudyData,
    config: DataConfig,
    *,
    seed: int,
    epochs: int,
    on_epoch: OnEpoch = lambda epoch, metrics: None,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Variables and metrics after the last epoch; on_epoch is told each one's, counted from 1."""
    population = Population.start(make_trainer([member.config], data, config, seed=seed), [member])
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

    A network trains alone as it does among others, but for rounding. Raises ConfigError for a trial
    that was never trained.
    """
    if trial.config is None or not trial.age:
        why = trial.reason or trial.status.value
        raise ConfigError(f"trial {trial.strategy}/{trial.number} was never trained: {why}.")
    member = Member(ModelConfig.from_dict(trial.config), trial.key)
    variables, metrics = train_alone(
        member, data, study.data, seed=study.seed, epochs=trial.age, on_epoch=on_epoch
    )
    reached = {name: finite_or_none(metrics[name]) for name in ("val_loss", "val_accuracy")}
    return SavedNetwork(member.config, variables, notes(trial, study) | reached)


def notes(trial: TrialRecord, study: StudyConfig) -> dict[str, Any]:
    """What is saved with a network: its trial, and the images that it learned from."""
    return {
        "strategy": trial.strategy,
        "number": trial.number,
        "value": trial.value,
        "val_loss": trial.last("val_loss"),
        "val_accuracy": trial.last("val_accuracy"),
        "hparams": dict(trial.hparams),
        **data_notes(study.data, study.seed),
    }


def data_notes(data: DataConfig, seed: int) -> dict[str, Any]:
    """What tells where the images came from and how they were split."""
    return {"data": data.model_dump(mode="json"), "seed": seed}
