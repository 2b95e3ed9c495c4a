"""Runs a study: assembles its parts, and runs the loop for one strategy after another."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from hptjax.config.hparams import bind
from hptjax.config.label import check_distinct, check_label
from hptjax.data.parts import warn
from hptjax.errors import ConfigError, shown
from hptjax.executors.base import Executor
from hptjax.executors.snapshots import SnapshotExecutor, SnapshotStore
from hptjax.records.goal import Goal
from hptjax.records.trial import GenerationRecord, StudyResult, best_trials
from hptjax.search.history import History, JournalLike, MemoryJournal
from hptjax.search.judging import Judging
from hptjax.search.loop import Callback, Loop
from hptjax.search.recorder import Keeper, OnBest, Recorder
from hptjax.space import Space
from hptjax.strategies import SearchContext, Searcher, make_searcher
from hptjax.study.budget import Meter
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, data_digests, load_study_data
from hptjax.study.executors import EXECUTORS
from hptjax.study.metric import Metric
from hptjax.study.metrics import check_comparable, find_metric, functions_of, further_metrics
from hptjax.study.objectives import objectives_of
from hptjax.study.sink import Sink
from hptjax.study.warm_start import warm_started
from hptjax.transpile.problem import Problem

SearcherFactory = Callable[[SearchContext], Searcher]


def run_study(
    study: StudyConfig,
    data: StudyData | None = None,
    *,
    journal: JournalLike | None = None,
    sinks: Sequence[Sink] = (),
    callbacks: Sequence[Callback] = (),
    on_best: OnBest | None = None,
    keeper: Keeper | None = None,
    metric: Metric | str | None = None,
    executor: Executor | None = None,
    snapshots: Path | None = None,
    searchers: Mapping[str, SearcherFactory] | None = None,
    leaving: Callable[[], bool] = lambda: False,
) -> StudyResult:
    """Runs the strategies of a study one after another, and returns all their trials.

    data: the images, scaled to the size of the networks; None loads them as the study says.
    journal: its generations are replayed, not trained, so that an interrupted study ends as if it
    had not been interrupted; it also records the digests of the images and the facts that decide
    rounding. sinks: observers of the study. callbacks: each is called with every generation, and
    stops its strategy by returning True. on_best: called as on_best(trial, variables) for each new
    best trial, before its record is written. keeper: keeps the networks of the `keep_best` best
    trials, as `search.kept.KeptNetworks` does. metric: a name, or your own metric made with
    `hptjax.metric`, instead of the study's. executor: trains the members; the study's own if None.
    snapshots: a folder for snapshots of long generations, which then resume at an epoch. searchers:
    {label: factory(context)} to run instead of the study's strategies. leaving: whether the study
    is about to be interrupted; a snapshot is then taken after each epoch. Raises ConfigError for a
    study that cannot run or a journal of other images, DataError for a journal of another study.

    Example:
        >>> import hptjax
        >>> study = hptjax.StudyConfig(
        ...     model=hptjax.Model(layers=["flatten", "head"], lr=hptjax.loguniform(1e-3, 1e-1)),
        ...     data={"source": "sample", "train_limit": 160},
        ...     strategies=["random"],
        ...     population_size=2,
        ... )
        >>> len(hptjax.run_study(study).trials)
        2
    """
    _check_parts(study, data, searchers)
    task, stated = study.task, Goal.from_tree(study.metric)
    judge = find_metric(study.metric, metric, task)
    check_comparable([judge.name], bind(study.space, study.model), task)
    study = study.model_copy(update={"metric": judge.to_tree()})
    study = warm_started(study)

    def notify(text: str) -> None:
        for sink in sinks:
            sink.message(text)

    said = notify if sinks else warn
    data = load_study_data(study, said) if data is None else data.fitted(study.model, said)
    functions = functions_of([judge, *further_metrics(study.recorded, task)])
    data = replace(data, functions={**data.functions, **functions})
    data.check(task, study.measures)
    history = History(MemoryJournal() if journal is None else journal, judge.goal, stated)
    if journal is not None:
        history.check_data(data_digests(data), study.data.source)
    makers = searchers or _own_searchers(study)
    known = [trial for generation in history.made(makers) for trial in generation.trials]
    store = None if snapshots is None else SnapshotStore(snapshots, notify=notify, leaving=leaving)
    with _opened(executor, study, data, notify) as live:
        most = study.keep_best if keeper is not None else 1
        images = study.data.epoch_images(data.train.size)
        parts = (live, said, judge, keeper, most)
        recorder = Recorder(history, tuple(sinks), on_best, images, *parts)
        recorder.best = best_trials(known, most)
        recorder.check_rounding()
        loop = Loop(
            problem=Problem(study.model, study.space, data.image_for(task), study.constraints),
            schedule=study.make_schedule(),
            judging=Judging.of(study, judge),
            executor=live if store is None else SnapshotExecutor(live, store),
            recorder=recorder,
            callbacks=tuple(callbacks),
            population_size=study.population_size,
            repeats=study.repeats,
            budget=study.budget.model_dump(),
            max_failures=study.max_failures,
            reuse=study.duplicates == "reuse",
            paired=study.paired,
            objectives=objectives_of(study.objectives, task),
        )
        generations, stops = _run_all(loop, study, makers)
    if store is not None:
        store.clear()
    return StudyResult(generations, stops, study.to_dict())


def _check_parts(study: Any, data: Any, searchers: Any) -> None:
    """Raises ConfigError for an argument of the wrong type."""
    if not isinstance(study, StudyConfig):
        raise ConfigError(
            "study must be a StudyConfig, which hptjax.load_study(path) reads from a file, got "
            f"{shown(study)}."
        )
    if not isinstance(data, StudyData | None):
        raise ConfigError(
            f"data must be hptjax.StudyData(train, validation) or None, got {type(data).__name__}."
        )
    if searchers is None:
        return
    if not isinstance(searchers, Mapping) or not all(map(callable, searchers.values())):
        raise ConfigError(
            "searchers must be {label: factory}, a factory makes a searcher of a SearchContext; "
            f"got {shown(searchers)}."
        )
    if not searchers:
        raise ConfigError("searchers must not be empty; None runs the study's own strategies.")
    check_distinct([check_label(label, "searchers: a label") for label in searchers], "searchers")


def _opened(
    executor: Executor | None, study: StudyConfig, data: StudyData, notify: Callable[[str], None]
) -> AbstractContextManager[Executor]:
    """The given executor, or else the study's own, which ends with the study."""
    if executor is not None:
        return nullcontext(executor)
    own = study.executor
    kind = EXECUTORS.find(own.name, "executor")
    return kind.open_executor(study, data, own.options, notify)


def _run_all(
    loop: Loop, study: StudyConfig, searchers: Mapping[str, SearcherFactory]
) -> tuple[tuple[GenerationRecord, ...], dict[str, str]]:
    """The generations of all strategies in their order, and why each strategy stopped."""
    stops: dict[str, str] = {}
    for label, make in searchers.items():
        meter = Meter(study.budget, loop.recorder.images)
        stops[label] = loop.run(make, _context(study, loop.problem.space, label), meter)
    return loop.recorder.history.made(searchers), stops


def _context(study: StudyConfig, space: Space, label: str) -> SearchContext:
    """The context of a searcher; space: the study's space with its conditions."""
    return SearchContext(
        space=space,
        seed=study.seed,
        label=label,
        population_size=study.population_size,
        evaluations=study.budget.most_trials(study.population_size),
        first=tuple(space.completed(hparams, drop=True) for hparams in study.first),
        objectives=len(study.objectives),
        constraints=study.constraints.names,
    )


def _own_searchers(study: StudyConfig) -> dict[str, SearcherFactory]:
    return {
        strategy.label: lambda context, own=strategy: make_searcher(
            own.name, context, own.options.model_dump()
        )
        for strategy in study.strategies
    }
