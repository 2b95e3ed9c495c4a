"""Replays a run: an executor that returns the generations of the journal first."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.errors import DataError
from hptjax.executors.base import Executor, Resident
from hptjax.population.pack import Member
from hptjax.population.resident import Cost, Outcome
from hptjax.records.metrics import LOSSES
from hptjax.records.trial import GenerationRecord, Status, TrialRecord


class ReplayExecutor:
    """Returns the curves of the recorded generations in order; then the live executor trains."""

    def __init__(self, recorded: Iterable[GenerationRecord], live: Executor) -> None:
        self._recorded = deque(
            record for record in recorded if any(t.was_trained for t in record.trials)
        )
        self._live = live

    def start(self, members: Sequence[Member]) -> Resident:
        if not self._recorded:
            return self._live.start(members)
        return RecordedPopulation(members, self._recorded.popleft())

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        return self._live.restore(members, arrays, age)


class RecordedPopulation:
    """The members of a recorded generation; training them reads the record.

    If a trial has several members, each of them has the means of the trial. Raises DataError if the
    record has other members.
    """

    def __init__(self, members: Sequence[Member], record: GenerationRecord) -> None:
        trained = [trial for trial in record.trials if trial.was_trained]
        repeats = max(1, len(members) // max(1, len(trained)))
        if len(trained) * repeats != len(members):
            raise mismatch(f"generation {record.generation} has another number of trials")
        self._trials = [trial for trial in trained for _ in range(repeats)]
        self._names = dict.fromkeys(name for trial in trained for name in trial.epochs) or LOSSES
        self._age = 0

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        ends = [trial.age + (trial.status is Status.LOST) for trial in self._trials]
        span = slice(self._age, max(self._age, min([self._age + epochs, *ends])))
        curves = {name: _columns(self._trials, name, span) for name in self._names}
        lost = {
            k: trial.reason or ""
            for k, trial in enumerate(self._trials)
            if trial.status is Status.LOST and trial.age < span.stop
        }
        self._age = span.stop
        return Outcome(curves if span.stop > span.start else {}, Cost(), lost)

    def keep(self, chosen: Sequence[int]) -> None:
        self._trials = [self._trials[k] for k in chosen]

    def mark(self, chosen: Sequence[int]) -> None:
        """Does nothing: a record holds no weights."""

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        raise RuntimeError("a record holds no weights")

    def snapshot(self) -> Mapping[str, np.ndarray]:
        raise RuntimeError("a record holds no weights")


def _columns(trials: Sequence[TrialRecord], metric: str, span: slice) -> np.ndarray:
    """A metric [epochs, P] in some epochs; None, which means not finite, becomes NaN.

    The epoch in which a trial was lost is NaN, too.
    """
    rows = [
        (*trial.epochs.get(metric, ()), *[None] * (trial.status is Status.LOST))[span]
        for trial in trials
    ]
    return np.array(rows, dtype=np.float64).T


def mismatch(what: str) -> DataError:
    return DataError(
        f"The journal does not fit this study ({what}): it was written by another version of the "
        "program or of its libraries, or its searcher does not make the same proposals again. "
        "Start a new run with another --out."
    )
