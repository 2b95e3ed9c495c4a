"""The loop of one strategy: ask, build, train, record, tell; recorded generations are replayed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from hptjax.executors.base import Executor
from hptjax.executors.replay import ReplayExecutor
from hptjax.records.trial import FAILED, GenerationRecord, TrialRecord, told_values
from hptjax.search.duplicates import Tried
from hptjax.search.generation import Generation, members_of, trial_records
from hptjax.search.judging import Judging
from hptjax.search.recorder import Recorder
from hptjax.strategies import CheckedSearcher, Proposal, SearchContext, Searcher
from hptjax.study.budget import Meter
from hptjax.study.objectives import Objective
from hptjax.study.schedule import Schedule, Step
from hptjax.transpile.problem import Problem
from hptjax.transpile.repair import Candidate

EXHAUSTED, FAILURES, CALLBACK = "search exhausted", "too many failures", "callback"
Callback = Callable[[GenerationRecord], bool | None]


@dataclass
class Loop:
    """The parts that all strategies of a study share.

    budget: in the form of the journal. reuse: whether equal networks are trained only once. paired:
    whether all trials share one key. objectives: those beside the metric.
    """

    problem: Problem
    schedule: Schedule
    judging: Judging
    executor: Executor
    recorder: Recorder
    callbacks: Sequence[Callback]
    population_size: int
    repeats: int
    budget: Mapping[str, Any]
    max_failures: int | None = None
    reuse: bool = True
    paired: bool = False
    objectives: Sequence[Objective] = ()

    def run(
        self, make: Callable[[SearchContext], Searcher], context: SearchContext, meter: Meter
    ) -> str:
        """Runs one strategy to its end; returns why it stopped. The history has its generations."""
        history = self.recorder.history
        promised = history.evaluations(context.label, context.evaluations)
        self.recorder.begin(context.label, context.evaluations)
        context = replace(context, evaluations=promised)
        executor = ReplayExecutor(history.ahead(context.label), self.executor)
        meter.start()
        with self.recorder.watch("searcher_s"):
            searcher = CheckedSearcher(make(context), context.space, context.label)
        tried = Tried(self.problem, self.reuse)
        own = StrategyRun(self, context, searcher, executor, meter, tried, [])
        reason: str | None = None
        while reason is None:
            reason = own.reason_to_stop() or own.step()
        self.recorder.end(context.label, reason, self.budget)
        return reason


@dataclass
class StrategyRun:
    """The state of one running strategy."""

    loop: Loop
    context: SearchContext
    searcher: CheckedSearcher
    executor: Executor
    meter: Meter
    tried: Tried
    records: list[GenerationRecord]

    @property
    def label(self) -> str:
        return self.context.label

    def reason_to_stop(self) -> str | None:
        history = self.loop.recorder.history
        if history.ahead(self.label):
            return None
        return history.stop_reason(self.label, self.loop.budget) or self.meter.spent()

    def step(self) -> str | None:
        """Runs one generation; returns the reason to stop, or None."""
        loop, meter, watch = self.loop, self.meter, self.loop.recorder.watch
        ahead = loop.recorder.history.ahead(self.label)
        count = ahead[0].asked if ahead else self._room()
        with watch("searcher_s"):
            proposals = self.searcher.ask(count)
        if not proposals:
            return EXHAUSTED
        record, cut = self._trained(proposals, count)
        if record is None:
            return cut
        with watch("searcher_s"):
            self.searcher.tell(proposals, np.array(told_values(record.trials)))
        meter.add(len(proposals), record.ledger)
        self.records.append(record)
        failures = sum(t.status in FAILED for r in self.records for t in r.trials)
        if loop.max_failures is not None and failures >= loop.max_failures:
            return f"{FAILURES}: {failures} of {meter.trials} trials"
        stopped = [callback(record) for callback in loop.callbacks]
        if any(stopped):
            return CALLBACK
        done = self.tried.exhausted()
        return None if done is None else f"{EXHAUSTED}: {done}"

    def _room(self) -> int:
        """How many proposals to ask for."""
        most = self.loop.schedule.size(self.meter.generations, self.loop.population_size)
        return int(min(most, self.meter.trials_left()))

    def _trained(
        self, proposals: Sequence[Proposal], asked: int
    ) -> tuple[GenerationRecord | None, str | None]:
        """The record of a generation, None if a budget left no epoch; and that budget's name."""
        loop, meter = self.loop, self.meter
        number, first = meter.generations, meter.trials
        candidates = [loop.problem.build(proposal.hparams) for proposal in proposals]
        copies = self.tried.copies(first, candidates)
        members = members_of(
            self.label, first, candidates, loop.repeats, copies, paired=loop.paired
        )
        recorded = bool(loop.recorder.history.ahead(self.label))
        repeated = self.tried.repeated(candidates)
        spared = None if recorded else loop.recorder.spared(repeated)
        count = len(members) // loop.repeats
        generation = Generation(count, loop.repeats, loop.judging, spared)
        population = self.executor.start(members) if members else None
        if population is not None:
            decide: Callable[..., Step | None] = partial(loop.schedule.decide, number)
            # the budget of a recorded generation was applied when it was recorded
            bound = meter.unbounded() if recorded else meter
            generation.train(population, decide, bound, partial(loop.recorder.epoch, self.label))
            if generation.age == 0:
                return None, generation.cut
        trials = trial_records(
            self.label,
            first,
            proposals,
            candidates,
            loop.problem.active,
            generation,
            loop.repeats,
            copies,
            paired=loop.paired,
            objectives=loop.objectives,
        )
        trials = self.tried.named(candidates, self.tried.taken(trials, copies))
        new = GenerationRecord(
            self.label,
            number,
            tuple(trials),
            {},
            generation.cut,
            asked,
            self.context.evaluations,
        )
        record = loop.recorder.generation(new, generation, population)
        self.tried.add(candidates, record.trials, cut=record.cut is not None)
        self._inform(candidates, record.trials)
        return record, generation.cut

    def _inform(self, candidates: Sequence[Candidate], trials: Sequence[TrialRecord]) -> None:
        """Tells the searcher the further objectives and the violations of constraints."""
        objectives = self.loop.objectives
        if not objectives and not self.context.constraints:
            return
        told = np.full((len(trials), len(objectives)), np.nan)
        for row, trial in zip(told, trials, strict=True):
            for k, own in enumerate(objectives):
                value = trial.objectives.get(own.goal.name)
                row[k] = np.nan if value is None else own.loss(value)
        violations = np.array([candidate.violations for candidate in candidates], float)
        with self.loop.recorder.watch("searcher_s"):
            self.searcher.inform(told, violations.reshape(len(candidates), -1))
