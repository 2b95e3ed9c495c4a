"""One network by itself: trained epoch by epoch, made again from its record, noted in its file."""

from collections.abc import Mapping, Sequence
from typing import Any

from hptjax.config.model import AnyModel, read_model
from hptjax.models.preprocess import Preprocess
from hptjax.records.best import SavedNetwork
from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL, in_order
from hptjax.records.trial import TrialRecord, finite_or_none, metrics_of
from hptjax.search.retrain import OnEpoch, train_anew
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, noted_digests
from hptjax.study.data_config import DataConfig


def remake(
    study: StudyConfig,
    trial: TrialRecord,
    data: StudyData,
    on_epoch: OnEpoch,
    epochs: int | None = None,
) -> SavedNetwork:
    """The network of a trial, trained again from its record: the first one, where it was repeated.

    It is trained up to the epoch that the trial is judged by. The study's own program trains it: on
    devices like the run's it becomes what it was, bit by bit. epochs: to train it for instead, over
    which a rate that is scheduled runs; then the trial's value is none of this network's, and is
    not noted. Raises ConfigError for a trial that was never trained.
    """
    age = trial.judged_epoch if epochs is None else epochs
    if epochs is not None:
        study = study.model_copy(update={"epochs": epochs})
    config, variables, metrics = train_anew(study, trial, data, age, on_epoch)
    if epochs is not None:
        noted = reached_notes(study.data, study.seed, data, config, metrics, epochs)
        return SavedNetwork(config, variables, noted | origin_notes(trial))
    digests = noted_digests(study.data, study.model, data)
    own = [name for name in noted_metrics(trial) if name in metrics]
    reached = {name: finite_or_none(metrics[name]) for name in own}
    noted = notes(trial, study, digests, data.train.class_names)
    return SavedNetwork(config, variables, noted | {"epoch": age, "network": reached})


def notes(
    trial: TrialRecord,
    study: StudyConfig,
    digests: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What is saved with a network: its trial, and the images that it learned from.

    key: what its random keys derive from, those of dropout among them. value, val_loss and the
    other metrics of validation are the trial's, means over its `repeats` repetitions, after the
    epoch that it is judged by; epoch and network are of the weights that are saved: those of the
    first repetition after that epoch, and what they reach themselves. epochs, where it is not the
    last one: how many it was trained.
    """
    goal, own = Goal.from_tree(study.metric), noted_metrics(trial)
    return {
        "strategy": trial.strategy,
        "number": trial.number,
        "key": trial.key,
        "metric": goal.name,
        "direction": goal.direction,
        "value": trial.value,
        "repeats": study.repeats,
        **{name: trial.judged(name) for name in own},
        "epoch": trial.judged_epoch,
        **({} if trial.epoch is None else {"epochs": trial.age}),
        "network": {name: own_metric(trial, name) for name in own},
        "hparams": dict(trial.hparams),
        **({} if trial.config is None else preprocess_note(read_model(trial.config))),
        **data_notes(study.data, study.seed, digests, class_names),
    }


def reached_notes(
    source: DataConfig,
    seed: int,
    data: StudyData,
    config: AnyModel,
    last: Mapping[str, float],
    epoch: int,
) -> dict[str, Any]:
    """What is saved with a network that stands for no trial; last: metrics after its last epoch."""
    digests = noted_digests(source, config, data)
    reached = {name: finite_or_none(last[name]) for name in last if name.startswith(VAL)}
    return {
        "epoch": epoch,
        "network": reached,
        **preprocess_note(config),
        **data_notes(source, seed, digests, data.train.class_names),
    }


def origin_notes(trial: TrialRecord) -> dict[str, Any]:
    """Of a network that was trained again: which trial's it was."""
    name = f"{trial.strategy}/{trial.number}"
    return {"from": name, "key": trial.key, "hparams": dict(trial.hparams)}


def noted_metrics(trial: TrialRecord) -> list[str]:
    """The metrics that are noted of a network itself: those of validation."""
    return [name for name in metrics_of([trial]) if name.startswith(VAL)]


def own_metric(trial: TrialRecord, name: str) -> float | None:
    """A metric of the network that is kept of a trial: of the first one, where it was repeated."""
    return trial.network[name] if trial.network else trial.judged(name)


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


def preprocess_note(config: AnyModel) -> dict[str, Any]:
    """What is done to an image before a network sees it, for those who have only its file."""
    return {"preprocess": Preprocess.of(config).to_dict()}


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
