"""One network by itself: remakes it from its record, and writes the notes of its file."""

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
    """Trains the network of a trial again from its record; of repetitions, the first one.

    It is trained up to the judged epoch by the study's own program: on devices like the run's the
    weights are the same, bit by bit. epochs: how long to train it instead; a scheduled learning
    rate then runs over these epochs. The notes then lack the trial's value, for it is not the value
    of this network. Raises ConfigError for a trial that was never trained.
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
    """The notes in a network's file: its trial, and the images that it was trained on.

    key: its random keys, such as those of dropout, derive from it. value, val_loss and the other
    validation metrics belong to the trial: means over its `repeats` repetitions, after the judged
    epoch. epoch and network belong to the saved weights, those of the first repetition: their epoch
    and their own metrics. epochs: how long the trial was trained, if that is not the judged epoch.
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
    """The notes of a network without a trial; last: its metrics after the last epoch."""
    digests = noted_digests(source, config, data)
    reached = {name: finite_or_none(last[name]) for name in last if name.startswith(VAL)}
    return {
        "epoch": epoch,
        "network": reached,
        **preprocess_note(config),
        **data_notes(source, seed, digests, data.train.class_names),
    }


def origin_notes(trial: TrialRecord) -> dict[str, Any]:
    """The notes of a network that was trained again: the trial that it comes from."""
    name = f"{trial.strategy}/{trial.number}"
    return {"from": name, "key": trial.key, "hparams": dict(trial.hparams)}


def noted_metrics(trial: TrialRecord) -> list[str]:
    """The names of the metrics in a network's notes: all validation metrics."""
    return [name for name in metrics_of([trial]) if name.startswith(VAL)]


def own_metric(trial: TrialRecord, name: str) -> float | None:
    """A metric of the network that is kept of a trial; of repetitions, the first one."""
    return trial.network[name] if trial.network else trial.judged(name)


def value_note(noted: Mapping[str, Any]) -> str | None:
    """A text, if the value in a network's notes is not the value of its own weights; else None.

    noted: the result of `notes`. Such a value is a mean of repetitions, or made of several epochs.
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
    """How images are preprocessed for a network, for readers who have only its file."""
    return {"preprocess": Preprocess.of(config).to_dict()}


def show(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def data_notes(
    data: DataConfig,
    seed: int,
    digests: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The notes on the images: their source, their split and their digests.

    digests: as in `study.data`. class_names: the meanings of the network's outputs, in order.
    """
    told = {} if digests is None else {"digests": dict(digests)}
    named = {} if class_names is None else {"class_names": list(class_names)}
    return {"data": data.model_dump(mode="json"), "seed": seed, **told, **named}
