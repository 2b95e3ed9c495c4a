"""What the loop hands its results to: the journal, the watchers, and who keeps the best weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hptjax.executors.base import Executor, Resident, TellsRounding
from hptjax.records.trial import GenerationRecord, TrialRecord
from hptjax.search.generation import Generation
from hptjax.search.history import History
from hptjax.search.ledger import Stopwatch, ledger_of
from hptjax.study.sink import Sink

OnBest = Callable[[TrialRecord, Mapping[str, Any]], None]


@dataclass
class Recorder:
    """Records of all strategies of a study.

    images: of its training set; executor: what trains; notify: of lines for the user; best: least
    value told.
    """

    history: History
    sinks: Sequence[Sink]
    on_best: OnBest | None
    images: int
    executor: Executor
    notify: Callable[[str], None]
    watch: Stopwatch = field(default_factory=Stopwatch)
    best: float = np.inf

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

        The weights of a new best trial are handed over before, so that a kill between the two
        cannot lose them.
        """
        replayed = bool(self.history.ahead(new.strategy))
        with self.watch("log_s"):
            self._hand_over_best(new, generation, None if replayed else population)
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
            for sink in self.sinks:
                sink.generation(record, replayed=replayed)
        if replayed:
            self.watch.take()  # replaying is no part of the next generation's time
        return record

    def _hand_over_best(
        self, record: GenerationRecord, generation: Generation, population: Resident | None
    ) -> None:
        best = record.best
        if best is None or best.told is None or best.told >= self.best:
            return
        self.best = best.told
        if self.on_best is not None and population is not None:
            trained = [trial.number for trial in record.trials if trial.was_trained]
            place = generation.place_of(trained.index(best.number))
            self.on_best(best, population.weights(place))

    def end(self, label: str, reason: str, budget: Mapping[str, Any]) -> None:
        self.history.stop(label, reason, budget)
        for sink in self.sinks:
            sink.end(label, reason)
