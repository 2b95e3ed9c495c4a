"""Passes the results of the loop to the journal, to the sinks and to the keeper of weights."""

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
    """Keeps the networks of the several best trials."""

    def keep(self, trial: TrialRecord, variables: Mapping[str, Any]) -> None:
        """Keeps the network of a trial that is now one of the best."""
        ...

    def only(self, trials: Sequence[TrialRecord]) -> None:
        """Drops the networks of all trials except these."""
        ...

    def finish(self, trials: Sequence[TrialRecord], metric: Metric) -> None:
        """Called when a strategy ends; trials: the best so far, best first."""
        ...


@dataclass
class Recorder:
    """Records the results of all strategies of a study.

    images: how many images an epoch goes through. executor: the executor of the study. notify:
    called with lines for the user. metric: the metric that judges trials. keeper: keeps the
    networks of the `most` best trials. best: these trials, best first.
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
        """Records the facts that decide rounding, if the executor knows them."""
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
        """Writes a generation to the journal, or finds it there; returns the record in the journal.

        New best weights are handed over before that, and weights that are no longer among the best
        are dropped after it, so that a kill in between cannot lose any.
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
                self.check_rounding()  # new workers may have joined
            record = self.history.record(replace(new, ledger=ledger))
            if self.keeper is not None and not replayed:
                self.keeper.only(self.best)
            for sink in self.sinks:
                sink.generation(record, replayed=replayed)
        if replayed:
            self.watch.take()  # the time of replaying is not the next generation's
        return record

    def spared(self, repeated: Container[int] = ()) -> Spared | None:
        """The store for weights of trials that end early; None if no weights are kept.

        repeated: as in `Spared`.
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
        """Records why a strategy stopped; if that is new, tells the keeper first."""
        if self.keeper is not None and self.history.stop_reason(label, budget) != reason:
            self.keeper.only(self.best)
            self.keeper.finish(self.best, self.metric)
        self.history.stop(label, reason, budget)
        for sink in self.sinks:
            sink.end(label, reason)
