"""One network by itself: trained epoch by epoch, made again from its record, noted in its file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hptjax.config.model import read_model
from hptjax.errors import ConfigError
from hptjax.executors.base import Resident
from hptjax.executors.local import local_executor
from hptjax.population import Member
from hptjax.records.best import SavedNetwork
from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL, in_order
from hptjax.records.trial import TrialRecord, finite_or_none, metrics_of
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, noted_digests
from hptjax.study.data_config import DataConfig

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
    member = Member(read_model(trial.config), trial.key)
    population = local_executor(study, data).start([member])
    variables, metrics = train_alone(population, trial.age, on_epoch)
    digests = noted_digests(study.data, study.model, data)
    own = [name for name in noted_metrics(trial) if name in metrics]
    reached = {name: finite_or_none(metrics[name]) for name in own}
    noted = notes(trial, study, digests, data.train.class_names) | {"network": reached}
    return SavedNetwork(member.config, variables, noted)


def notes(
    trial: TrialRecord,
    study: StudyConfig,
    digests: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What is saved with a network: its trial, and the images that it learned from.

    value, val_loss and the other metrics of validation are the trial's, means over its `repeats`
    repetitions; epoch and network are of the weights that are saved: those of the first repetition,
    after its last epoch, and what they reach themselves.
    """
    goal, own = Goal.from_tree(study.metric), noted_metrics(trial)
    return {
        "strategy": trial.strategy,
        "number": trial.number,
        "metric": goal.name,
        "direction": goal.direction,
        "value": trial.value,
        "repeats": study.repeats,
        **{name: trial.last(name) for name in own},
        "epoch": trial.age,
        "network": {name: own_metric(trial, name) for name in own},
        "hparams": dict(trial.hparams),
        **data_notes(study.data, study.seed, digests, class_names),
    }


def noted_metrics(trial: TrialRecord) -> list[str]:
    """The metrics that are noted of a network itself: those of validation."""
    return [name for name in metrics_of([trial]) if name.startswith(VAL)]


def own_metric(trial: TrialRecord, name: str) -> float | None:
    """A metric of the network that is kept of a trial: of the first one, where it was repeated."""
    return trial.network[name] if trial.network else trial.last(name)


def value_note(noted: Mapping[str, Any]) -> str | None:
    """Whose the value is that a saved network's notes state, None where it is its weights' own.

    noted: as of `notes`. A mean of repetitions, or what is made of several epochs, is not.
    """
    own, name, value = noted.get("network"), noted.get("metric"), noted.get("value")
    if own is None or value is None:
        return None
    if noted["repeats"] == 1 and not {name, f"{VAL}{name}"}.isdisjoint(own):
        return None
    repeats = noted["repeats"]
    of = f"the mean of {repeats} repetitions" if repeats > 1 else "made of its curves"
    whose = "the first repetition's, " if repeats > 1 else ""
    *others, last = (f"{name} {show(own[name])}" for name in in_order(own))
    reached = f"{', '.join(others)} and {last}" if others else last
    return (
        f"The trial's {name} {show(value)} is {of}. These weights are {whose}after epoch "
        f"{noted['epoch']}: {reached}."
    )


def show(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def data_notes(
    data: DataConfig,
    seed: int,
    digests: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What tells where the images came from, how they were split, and which they were.

    digests: of `study.data`; class_names: what the outputs of the network mean, in their order.
    """
    told = {} if digests is None else {"digests": dict(digests)}
    named = {} if class_names is None else {"class_names": list(class_names)}
    return {"data": data.model_dump(mode="json"), "seed": seed, **told, **named}
