"""The loop's view of the journal: it checks and replays old records, and writes new ones."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol

from hptjax.config.model import read_model
from hptjax.errors import ConfigError
from hptjax.executors.replay import mismatch
from hptjax.records.goal import Goal, goal_of_name
from hptjax.records.reader import (
    DataRecord,
    EnvironmentRecord,
    MetricRecord,
    StopRecord,
    checked_records,
)
from hptjax.records.run_dir import check_digests
from hptjax.records.trial import GenerationRecord, TrialRecord
from hptjax.transpile.identity import as_computed

SAME = ("number", "key", "genotype")


class JournalLike(Protocol):
    """The target of records; `records` are those of an interrupted run (see records.journal)."""

    records: list[dict[str, Any]]

    def append(self, record: Mapping[str, Any]) -> None: ...


class MemoryJournal:
    """A journal for studies without a run directory: the result holds the records itself."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append(self, record: Mapping[str, Any]) -> None:
        """Drops the record."""


class History:
    """The generations and stops of a run, by strategy; each strategy can be extended by itself."""

    def __init__(
        self, journal: JournalLike, goal: Goal | None = None, stated: Goal | None = None
    ) -> None:
        """goal: the goal of the study, val_loss if None. stated: the goal in its config.

        Raises ConfigError if the journal holds trials that were judged by another metric.
        """
        self._journal = journal
        self._goal = Goal() if goal is None else goal
        self._generations: dict[str, deque[GenerationRecord]] = defaultdict(deque)
        self._where = getattr(journal, "folder", "the journal")
        found = checked_records(journal.records, "the journal")
        self._data, self._rounding = found.data, found.environment
        self._stops = dict(found.stops)
        self._made = list(found.generations)
        for generation in found.generations:
            self._generations[generation.strategy].append(generation)
        if self._generations and found.goal not in (None, self._goal):
            raise ConfigError(
                f"metric: the run was judged by {found.goal}, not by {self._goal}; start a new run "
                "with another --out."
            )
        stated = self._goal if stated is None else stated
        known = goal_of_name(self._goal.name) is not None and self._goal == stated
        self._goal_noted = bool(self._generations) or known

    def check_data(self, digests: Mapping[str, str], source: str) -> None:
        """Records the digests of a new run's images; ConfigError if a resumed run had others."""
        if self._data is None:
            self._data = dict(digests)
            self._journal.append(DataRecord(digests=self._data).model_dump())
        check_digests(self._where, self._data, digests, source)

    def check_rounding(self, facts: Mapping[str, str | bool]) -> str | None:
        """Records the facts that decide rounding; returns a line about what changed, if any did."""
        known = self._rounding
        if known == facts:
            return None
        self._rounding = dict(facts)
        self._journal.append(EnvironmentRecord(facts=self._rounding).model_dump())
        if known is None:
            return None
        changes = [
            f"{name} was {known.get(name)}, now {facts.get(name)}"
            for name in sorted({*known, *facts})
            if known.get(name) != facts.get(name)
        ]
        return (
            f"This run goes on where rounding may differ ({'; '.join(changes)}): what is trained "
            "from here on may differ from what an undisturbed run would have given."
        )

    def ahead(self, strategy: str) -> tuple[GenerationRecord, ...]:
        """The recorded generations that are not replayed yet."""
        return tuple(self._generations[strategy])

    def made(self, strategies: Iterable[str]) -> tuple[GenerationRecord, ...]:
        """All generations of some strategies, in the order in which they were written.

        In an extended run, this order is not strategy by strategy.
        """
        own = frozenset(strategies)
        return tuple(generation for generation in self._made if generation.strategy in own)

    def evaluations(self, strategy: str, now: int | None) -> int | None:
        """How many trials a strategy could expect when it began; now: the number for a new one."""
        recorded = self._generations[strategy]
        return recorded[0].evaluations if recorded else now

    def record(self, new: GenerationRecord) -> GenerationRecord:
        """Writes a generation, or checks it against the recorded one; returns the journal's."""
        recorded = self._generations[new.strategy]
        if not recorded:
            self._note_goal()
            self._journal.append(new.to_dict())
            self._made.append(new)
            return new
        old = recorded.popleft()
        if (old.generation, len(old.trials)) != (new.generation, len(new.trials)):
            raise mismatch(f"{new.strategy} generation {new.generation} has other trials")
        for written, asked in zip(old.trials, new.trials, strict=True):
            if not _same(written, asked):
                raise mismatch(f"{new.strategy} trial {asked.number} has other hparams")
        return old

    def _note_goal(self) -> None:
        """Records a metric that the config does not state, before the first trials."""
        if not self._goal_noted:
            note = MetricRecord(name=self._goal.name, direction=self._goal.direction)
            self._journal.append(note.model_dump())
            self._goal_noted = True

    def stop_reason(self, strategy: str, budget: Mapping[str, Any]) -> str | None:
        """Why a strategy stopped under this budget; None while generations are to be replayed."""
        entry = self._stops.get(strategy)
        if entry is None or self._generations[strategy] or entry.budget != dict(budget):
            return None
        return entry.reason

    def stop(self, strategy: str, reason: str, budget: Mapping[str, Any]) -> None:
        """Writes that a strategy stopped, unless the journal has it."""
        if self.stop_reason(strategy, budget) != reason:
            record = StopRecord(strategy=strategy, reason=reason, budget=dict(budget))
            self._journal.append(record.model_dump())


def _same(written: TrialRecord, asked: TrialRecord) -> bool:
    """Whether a recorded trial is the proposed one; older journals hold inactive hparams, too."""
    same = all(getattr(written, key) == getattr(asked, key) for key in SAME)
    return (
        same
        and asked.hparams.items() <= written.hparams.items()
        and (written.config == asked.config or _network(written) == _network(asked))
    )


def _network(trial: TrialRecord) -> Hashable:
    """A key that is equal for configs that differ only in values without effect."""
    return None if trial.config is None else as_computed(read_model(trial.config))
