"""What the loop hands its results to: the journal, the watchers, and who keeps the best weights."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from hptjax.executors.base import Executor, Resident, TellsRounding
from hptjax.records.trial import GenerationRecord, TrialRecord, best_trials
from hptjax.search.generation import Generation
from hptjax.search.history import History
from hptjax.search.ledger import Stopwatch, ledger_of
from hptjax.search.spared import Spared
from hptjax.study.metric import Metric
from hptjax.study.sink import Sink

OnBest = Callable[[TrialRecord, Mapping[str, Any]], None]


class Keeper(Protocol):
    """Who keeps the networks of the best trials, by more than one at a time."""

    def keep(self, trial: TrialRecord, variables: Mapping[str, Any]) -> None:
        """Keeps the network of a trial that is one of the best now."""
        ...

    def only(self, trials: Sequence[TrialRecord]) -> None:
        """Lets all go but those of these trials."""
        ...

    def finish(self, trials: Sequence[TrialRecord], metric: Metric) -> None:
        """A strategy is over, and these trials, best first, are the best so far."""
        ...


@dataclass
class Recorder:
    """Records of all strategies of a study.

    images: of an epoch; executor: what trains; notify: of lines for the user; metric: by
    which trials are judged; keeper: of the networks of the best trials, `most` of them; best: these
    trials, best first.
    """

    history: History
    sinks: Sequence[Sink]
    on_best: OnBest | None
    images: int
    executor: Executor
    notify: Callable[[str], None]
    metric: Metric
    keeper: Keeper | None = None
    most: int = 1
    watch: Stopwatch = field(default_factory=Stopwatch)
    best: list[TrialRecord] = field(default_factory=list)

    def check_rounding(self) -> None:
        """Notes what decides the rounding of what is trained, as far as the executor knows it."""
        facts = self.executor.rounding() if isinstance(self.executor, TellsRounding) else None
        text = None if facts is None else self.history.check_rounding(facts)
        if text is not None:
            self.notify(text)

    def begin(self, label: str, trials: int | None) -> None:
        for sink in self.sinks:
            sink.begin(label, trials)

    def epoch(self, label: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        with self.watch("log_s"):
            for sink in self.sinks:
                sink.epoch(label, epoch, metrics)

    def generation(
        self, new: GenerationRecord, generation: Generation, population: Resident | None
    ) -> GenerationRecord:
        """Journals a generation, or finds it there; gives the record that counts.

        The weights of trials that are now among the best are handed over before, and those that no
        longer are let go after it, so that a kill between the two cannot lose them.
        """
        replayed = bool(self.history.ahead(new.strategy))
        if not replayed:
            with self.watch("log_s"):
                self._hand_over(new, generation, population)
        ledger = ledger_of(
            generation.members,
            generation.member_epochs,
            self.images,
            generation.cost,
            self.watch.take(),
            generation.workers,
        )
        with self.watch("log_s"):
            if not replayed:
                self.check_rounding()  # workers may have come meanwhile
            record = self.history.record(replace(new, ledger=ledger))
            if self.keeper is not None and not replayed:
                self.keeper.only(self.best)
            for sink in self.sinks:
                sink.generation(record, replayed=replayed)
        if replayed:
            self.watch.take()  # replaying is no part of the next generation's time
        return record

    def spared(self, repeated: Container[int] = ()) -> Spared | None:
        """Who takes the weights of trials that end early; None where nobody wants weights.

        repeated: as of `Spared`.
        """
        if self.on_best is None and self.keeper is None:
            return None
        known = [trial.told for trial in self.best if trial.told is not None]
        return Spared(self.most, known, repeated)

    def _hand_over(
        self, record: GenerationRecord, generation: Generation, population: Resident | None
    ) -> None:
        best = best_trials([*self.best, *record.trials], self.most)
        new = [trial for trial in best if all(trial is not known for known in self.best)]
        self.best = best
        if population is None or (self.on_best is None and self.keeper is None):
            return
        trained = [trial.number for trial in record.trials if trial.was_trained]
        for trial in new:
            variables = generation.weights(trained.index(trial.number), population)
            if self.keeper is not None:
                self.keeper.keep(trial, variables)
            if self.on_best is not None and trial is best[0]:
                self.on_best(trial, variables)

    def end(self, label: str, reason: str, budget: Mapping[str, Any]) -> None:
        """Notes why a strategy stopped; before, if it is not noted yet, the keeper is told."""
        if self.keeper is not None and self.history.stop_reason(label, budget) != reason:
            self.keeper.only(self.best)
            self.keeper.finish(self.best, self.metric)
        self.history.stop(label, reason, budget)
        for sink in self.sinks:
            sink.end(label, reason)
