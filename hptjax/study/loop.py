"""The study loop: ask, repair, train all in one call, tell, write; replay what is written."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hptjax.config.study import StudyConfig
from hptjax.errors import DataError
from hptjax.space import Space
from hptjax.strategies import Proposal, Strategy, make_strategy
from hptjax.study.data import StudyData, load_study_data
from hptjax.study.engine import Engine, MakeTrainer
from hptjax.study.generation import Trained, draft_trials, members_of, train, with_curves
from hptjax.study.planning import make_population_trainer, space_sample
from hptjax.study.stopwatch import Stopwatch
from hptjax.study.trial import GenerationRecord, StudyResult, TrialRecord, values_of
from hptjax.transpile.repair import Candidate, candidate

EXHAUSTED, BUDGET, TIME = "search exhausted", "evaluation budget", "time budget"
OnBest = Callable[[TrialRecord, Mapping[str, Any]], None]
StrategyFactory = Callable[[Space, int, int], Strategy]


class JournalLike(Protocol):
    """Where records go; `records` are those of an interrupted run (see records.journal)."""

    records: list[dict[str, Any]]

    def append(self, record: Mapping[str, Any]) -> None: ...


class Sink(Protocol):
    """Watches a study; nothing it does changes the study."""

    def begin(self, strategy: str, evaluations: int) -> None:
        """A strategy starts, with this many evaluations to spend."""

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        """An epoch of the present generation is over. metrics: [P]."""

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        """A generation is in the journal; replayed: it was there before."""

    def end(self, strategy: str, reason: str) -> None:
        """A strategy stopped."""

    def message(self, text: str) -> None:
        """Something that the user should know once."""


class MemoryJournal:
    """A journal for studies without a run directory."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append(self, record: Mapping[str, Any]) -> None:
        """Forgets the record: the result holds it too."""


def run_study(
    study: StudyConfig,
    data: StudyData | None = None,
    *,
    journal: JournalLike | None = None,
    sinks: Sequence[Sink] = (),
    on_best: OnBest | None = None,
    make_trainer: MakeTrainer | None = None,
    strategies: Mapping[str, StrategyFactory] | None = None,
) -> StudyResult:
    """Runs the strategies of a study one after another, and returns all their trials.

    data: loaded as the study says if None. journal: generations that it holds are replayed, not
    trained, so that an interrupted study ends as if it had not been. on_best(trial, variables) is
    called for each new best trial, before its generation is journalled. make_trainer(configs):
    what trains the members. strategies: {name: factory(space, seed, evaluations)} to run instead of
    the study's own. Raises: ConfigError for what the study cannot mean, DataError where the journal
    is of another study.
    """
    data = load_study_data(study) if data is None else data
    make_trainer = make_trainer or make_population_trainer(study, data)
    run = _Run(study, data, journal or MemoryJournal(), tuple(sinks), on_best)
    run.engine = Engine(space_sample(study, data.image), make_trainer, run.notify)
    factories = strategies or {name: _named(study, name) for name in study.strategies}
    for name, factory in factories.items():
        run.strategy(name, factory)
    return StudyResult(tuple(run.generations), run.stops)


def _named(study: StudyConfig, name: str) -> StrategyFactory:
    return lambda space, seed, evaluations: make_strategy(
        name,
        space,
        seed=seed,
        evaluations=evaluations,
        population_size=study.population_size,
        des=study.des,
    )


@dataclass
class _Run:
    """What one call of `run_study` carries along."""

    study: StudyConfig
    data: StudyData
    journal: JournalLike
    sinks: tuple[Sink, ...]
    on_best: OnBest | None
    engine: Engine = field(init=False)
    watch: Stopwatch = field(default_factory=Stopwatch)
    generations: list[GenerationRecord] = field(default_factory=list)
    stops: dict[str, str] = field(default_factory=dict)
    best: float = np.inf
    past: deque[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        kinds = ("generation", "stop")
        self.past = deque(r for r in self.journal.records if r["kind"] in kinds)

    def notify(self, text: str) -> None:
        for sink in self.sinks:
            sink.message(text)

    def strategy(self, name: str, factory: StrategyFactory) -> None:
        """Runs one strategy to its end."""
        budget = self.study.population_size * self.study.generations
        with self.watch("strategy_s"):
            searcher = factory(self.study.space, self.study.seed, budget)
        self.engine.begin_strategy()
        for sink in self.sinks:
            sink.begin(name, budget)
        spent, elapsed, generation = 0, 0.0, 0
        while (reason := self._reason_to_stop(name, budget - spent, elapsed)) is None:
            with self.watch("strategy_s"):
                proposals = searcher.ask(min(self.study.population_size, budget - spent))
            if not proposals:
                reason = EXHAUSTED
                break
            record = self._generation(name, generation, spent, proposals)
            with self.watch("strategy_s"):
                searcher.tell(proposals, np.array(values_of(record.trials)))
            elapsed += record.ledger["wall_s"]
            spent, generation = spent + len(proposals), generation + 1
        self._stop(name, reason)

    def _reason_to_stop(self, name: str, left: int, elapsed: float) -> str | None:
        if self.past and self.past[0]["kind"] == "stop" and self.past[0]["strategy"] == name:
            return self.past[0]["reason"]
        if left <= 0:
            return BUDGET
        limit = self.study.time_budget
        return TIME if limit is not None and elapsed >= limit and not self.past else None

    def _stop(self, name: str, reason: str) -> None:
        self.stops[name] = reason
        if self.past:
            self._check_same(self.past.popleft(), {"kind": "stop", "strategy": name})
        else:
            self.journal.append({"kind": "stop", "strategy": name, "reason": reason})
        for sink in self.sinks:
            sink.end(name, reason)

    def _generation(
        self, name: str, generation: int, first: int, proposals: Sequence[Proposal]
    ) -> GenerationRecord:
        base, image = self.study.model, self.data.image
        candidates = [candidate(base, proposal.hparams, image) for proposal in proposals]
        trials = draft_trials(name, first, proposals, candidates)
        replayed = bool(self.past)
        if replayed:
            record = self._replay(name, generation, trials, candidates)
        else:
            record = self._train(name, generation, trials, candidates)
            with self.watch("log_s"):
                self.journal.append(record.to_dict())
        self.generations.append(record)
        with self.watch("log_s"):
            for sink in self.sinks:
                sink.generation(record, replayed=replayed)
        if replayed:
            self.watch.take()  # replaying is no part of the next generation's time
        return record

    def _replay(
        self,
        name: str,
        generation: int,
        trials: Sequence[TrialRecord],
        candidates: Sequence[Candidate],
    ) -> GenerationRecord:
        """The generation as the journal has it; the engine learns its shapes as it did then."""
        entry = self.past.popleft()
        self._check_same(entry, {"kind": "generation", "strategy": name, "generation": generation})
        record = GenerationRecord.from_dict(entry)
        same = ("number", "key", "genotype", "hparams", "config")
        for written, asked in zip(record.trials, trials, strict=False):
            if any(getattr(written, key) != getattr(asked, key) for key in same):
                raise _mismatch(f"{name} trial {asked.number} has other hparams")
        if len(record.trials) != len(trials):
            raise _mismatch(f"{name} generation {generation} has another number of trials")
        configs = [c.config for c in candidates if c.config is not None]
        if configs:
            self.engine.trainer_for(configs, announce=False)
        finite = [trial.value for trial in record.trials if trial.value is not None]
        self.best = min([self.best, *finite])
        return record

    def _check_same(self, entry: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        if any(entry.get(key) != value for key, value in expected.items()):
            raise _mismatch(f"expected {dict(expected)}")

    def _train(
        self,
        name: str,
        generation: int,
        trials: list[TrialRecord],
        candidates: Sequence[Candidate],
    ) -> GenerationRecord:
        places, members = members_of(trials, candidates)
        costs: dict[str, float] = {"compile_s": 0.0, "padded_over_true_flops": 1.0}
        if members:
            configs = [member.config for member in members]
            trainer = self.engine.trainer_for(configs)
            before = trainer.compile_seconds
            with self.watch("train_s"):
                trained = train(trainer, members, self.study.epochs, self._epoch_over(name))
            costs["compile_s"] = trainer.compile_seconds - before
            costs["padded_over_true_flops"] = trainer.plan.waste(configs)
            for k, place in enumerate(places):
                trials[place] = with_curves(trials[place], trained.curves, k, self.study.metric)
            with self.watch("log_s"):
                self._keep_best(trials, places, trained)
        return GenerationRecord(name, generation, tuple(trials), self._ledger(len(members), costs))

    def _ledger(self, members: int, costs: Mapping[str, float]) -> dict[str, float]:
        seconds = {"strategy_s": 0.0, "log_s": 0.0, "train_s": 0.0, **self.watch.take()}
        seconds["train_s"] = max(0.0, seconds["train_s"] - costs["compile_s"])
        member_epochs = members * self.study.epochs
        counts = {
            "evaluations": members,
            "member_epochs": member_epochs,
            "samples": member_epochs * self.data.train.size,
        }
        return {**counts, **costs, **seconds}

    def _epoch_over(self, name: str) -> Callable[[int, Mapping[str, np.ndarray]], None]:
        def over(epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
            for sink in self.sinks:
                sink.epoch(name, epoch, metrics)

        return over

    def _keep_best(
        self, trials: Sequence[TrialRecord], places: Iterable[int], trained: Trained
    ) -> None:
        """Hands over the weights of this generation's best trial if it is the best of the run."""
        ranked = [
            (value, k, place)
            for k, place in enumerate(places)
            if (value := trials[place].value) is not None
        ]
        if not ranked or min(ranked)[0] >= self.best:
            return
        self.best, k, place = min(ranked)
        if self.on_best is not None:
            self.on_best(trials[place], trained.variables(k))


def _mismatch(what: str) -> DataError:
    return DataError(
        f"The journal does not fit this study ({what}): it was written by another version of the "
        "program or of its libraries. Start a new run with another --out."
    )
