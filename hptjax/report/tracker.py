"""The base of sinks for experiment trackers: each trial is one run there, logged once."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hptjax.errors import MissingExtraError
from hptjax.records.goal import Goal
from hptjax.records.trial import FAILED, GenerationRecord, TrialRecord
from hptjax.report.hparams_plugin import plain_scalar, scalar_tag
from hptjax.study.sink import Sink


@dataclass(frozen=True)
class TrackedTrial:
    """A trial in the form for trackers.

    name: such as `tpe/57`. params: its strategy and hparams. epochs: for each epoch, from 1, the
    finite metrics by TensorBoard's tags, such as `val/loss`. result: {metric: its value}. tags:
    further facts, as text.
    """

    name: str
    strategy: str
    params: Mapping[str, Any]
    epochs: tuple[tuple[int, dict[str, float]], ...]
    result: Mapping[str, float]
    tags: Mapping[str, str]
    failed: bool


class TrackerSink(Sink):
    """Logs every trial once, even if the run is killed, resumed or replayed.

    A file in the run's directory lists the logged trials by destination: a sink that is added later
    logs earlier trials, too.
    """

    def __init__(self, word: str, folder: Path, goal: Goal, destination: str) -> None:
        """word: the sink's name; folder: the run's directory; destination: where it logs to."""
        self._path, self._goal = folder / f"{word}.logged", goal
        self._destination = destination
        self.study_name = folder.resolve().name
        self._logged = set(self._read())

    def _read(self) -> Iterator[str]:
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                destination, _, name = line.rpartition("\t")
                if destination == self._destination:
                    yield name

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        for trial in record.trials:
            tracked = tracked_trial(trial, record.generation, self._goal)
            if tracked.name not in self._logged:
                self.log(tracked)
                self._note(tracked.name)

    def _note(self, name: str) -> None:
        self._logged.add(name)
        with self._path.open("a") as stream:
            stream.write(f"{self._destination}\t{name}\n")

    @abstractmethod
    def log(self, trial: TrackedTrial) -> None:
        """Logs a trial that has not been logged before."""


def tracked_trial(trial: TrialRecord, generation: int, goal: Goal) -> TrackedTrial:
    """A trial in the form for trackers; goal: the goal of its value."""
    params = {name: plain_scalar(value) for name, value in trial.hparams.items()}
    tags = {"status": trial.status.value, "generation": str(generation), "key": str(trial.key)}
    if trial.reason:
        tags["reason"] = trial.reason
    return TrackedTrial(
        name=f"{trial.strategy}/{trial.number}",
        strategy=trial.strategy,
        params={"strategy": trial.strategy, **params},
        epochs=tuple(_epochs(trial)),
        result={} if trial.value is None else {goal.name: trial.value},
        tags=tags,
        failed=trial.status in FAILED,
    )


def _epochs(trial: TrialRecord) -> Iterator[tuple[int, dict[str, float]]]:
    for epoch in range(1, trial.age + 1):
        values = {scalar_tag(name): curve[epoch - 1] for name, curve in trial.epochs.items()}
        yield epoch, {tag: v for tag, v in values.items() if v is not None and math.isfinite(v)}


def tracker(package: str) -> Any:
    """Imports a tracker; raises MissingExtraError, whose extra has the name of the package."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(f"the sink {package}", package, package) from None


def first_line(error: Exception) -> str:
    """The first line of a tracker's error."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
