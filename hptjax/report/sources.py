"""The sources of a page, runs and users' tables: reads, names and joins them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.change import describe_changes
from hptjax.records.environment import read_environments
from hptjax.records.goal import Goal
from hptjax.records.pareto import pareto_front
from hptjax.records.run_dir import label_of, load_run
from hptjax.report.best import BestNetwork, best_network
from hptjax.report.goals import goals_of
from hptjax.report.runs import (
    SERIES,
    UNIT,
    column,
    epochs_table,
    hparams_of,
    join_tables,
    ledger_table,
    runs_table,
)
from hptjax.space import Space


@dataclass(frozen=True)
class Source:
    """A run, or a table of trials from elsewhere, with everything that a page shows of it.

    trials, epochs, ledger: as in `runs_table`, `epochs_table`, `ledger_table`. hparams: their
    names. kinds: {label of a strategy: its searcher}. stops: {label: why it ended}. objectives:
    names of the further objectives. front: strategy and number of the trials on the Pareto front.
    Unknown fields are empty; an unknown space or best is None.
    """

    name: str
    trials: pd.DataFrame
    hparams: tuple[str, ...]
    kinds: Mapping[str, str]
    epochs: pd.DataFrame = field(default_factory=pd.DataFrame)
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    config: Mapping[str, Any] = field(default_factory=dict)
    stops: Mapping[str, str] = field(default_factory=dict)
    environments: Sequence[Mapping[str, Any]] = ()
    space: Space | None = None
    best: BestNetwork | None = None
    objectives: tuple[str, ...] = ()
    front: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def from_table(cls, name: str, trials: pd.DataFrame) -> Self:
        """The source of a table with the columns of `runs_table`, without any further facts."""
        kinds = {strategy: strategy for strategy in dict.fromkeys(trials["strategy"])}
        return cls(name, trials, tuple(hparams_of(trials)), kinds)


@dataclass(frozen=True)
class Tables:
    """The tables of all sources joined; the column `series` names a search, a strategy of a source.

    The column `group` joins searches that differ in their seed; without such it is the series.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    ledger: pd.DataFrame

    @property
    def repeated(self) -> bool:
        """Whether any group has more than one run."""
        return bool((self.trials.groupby("group")[SERIES].nunique() > 1).any())


@dataclass(frozen=True)
class View:
    """The trials that one metric judges: only these are compared.

    suffix: the end of the names of its pictures and tables; empty for the first view.
    """

    goal: Goal
    tables: Tables
    sources: Mapping[str, Source]
    suffix: str


@dataclass(frozen=True)
class Family:
    """Sources with hparams of the same names; space: None if their spaces differ."""

    names: tuple[str, ...]
    hparams: tuple[str, ...]
    space: Space | None

    def of(self, trials: pd.DataFrame) -> pd.DataFrame:
        """The trials of the family, without the hparams of others."""
        foreign = [name for name in hparams_of(trials) if name not in self.hparams]
        units = [f"{UNIT}{name}" for name in foreign if f"{UNIT}{name}" in trials]
        return trials.loc[trials["run"].isin(self.names)].drop(columns=[*foreign, *units])


def read_sources(paths: Sequence[Path]) -> dict[str, Source]:
    """Reads the runs of some directories, by unique names; raises as `read_source` does."""
    return named_sources([read_source(path) for path in paths])


def named_sources(sources: Sequence[Source]) -> dict[str, Source]:
    """Sources by name; sources of the same name are numbered."""
    return dict(zip(distinct([source.name for source in sources]), sources, strict=True))


def read_source(path: Path) -> Source:
    """Reads a run directory; raises ConfigError if it holds no results, DataError for damage."""
    run, name = load_run(path), path.resolve().name
    if not run.generations:
        raise ConfigError(
            f"{path}: no trial is recorded yet; report it after its first generation."
        )
    space = Space.from_dict(run.config["space"])
    entries = run.config["strategies"]
    # every repair wires sizes together: that would hide the changes that matter
    changes = [describe_changes(trial.changes, all_of_them=False) for trial in run.trials]
    first, *others = run.goals
    front = pareto_front(run.trials, [first, *others]) if others else []
    return Source(
        name=name,
        trials=runs_table({name: run}).assign(changes=changes),
        hparams=space.names,
        kinds={label_of(e): e if isinstance(e, str) else e["name"] for e in entries},
        epochs=epochs_table({name: run}),
        ledger=ledger_table({name: run}),
        config=run.config,
        stops=run.stops,
        environments=read_environments(path),
        space=space,
        best=best_network(path, run),
        objectives=tuple(goal.name for goal in others),
        front=frozenset((trial.strategy, trial.number) for trial in front),
    )


def join_sources(sources: Mapping[str, Source]) -> Tables:
    """The tables of all sources; of several sources, a series begins with the source's name."""
    trials = _joined(sources, {name: source.trials for name, source in sources.items()})
    searches = trials.drop_duplicates(SERIES)
    alone = not searches["group"].duplicated().any()
    groups = dict(zip(searches[SERIES], searches[SERIES if alone else "group"], strict=True))
    tables = [
        trials,
        _joined(sources, {name: source.epochs for name, source in sources.items()}),
        _joined(sources, {name: source.ledger for name, source in sources.items()}),
    ]
    return Tables(
        *(
            table.assign(group=column(table, SERIES).map(groups)) if len(table) else table
            for table in tables
        )
    )


def _joined(sources: Mapping[str, Source], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    placed = []
    for name, table in tables.items():
        if len(table):
            prefix = f"{name}: " if len(sources) > 1 else ""
            placed.append(table.assign(run=name, **{SERIES: prefix + table["strategy"]}))
    return join_tables(*placed)


def views_of(tables: Tables, sources: Mapping[str, Source]) -> list[View]:
    """A view for each metric of the sources, in their order."""
    views = []
    for goal in goals_of(tables.trials):
        own = (tables.trials["metric"] == goal.name) & (
            tables.trials["direction"] == goal.direction
        )
        runs = list(tables.trials.loc[own, "run"].unique())
        parts = (
            table.loc[table["run"].isin(runs)] if len(table) else table
            for table in (tables.trials, tables.epochs, tables.ledger)
        )
        chosen = {name: source for name, source in sources.items() if name in runs}
        suffix = f"-{file_name(f'{goal.name} {goal.direction}')}" if views else ""
        views.append(View(goal, Tables(*parts), chosen, suffix))
    return views


def families(sources: Mapping[str, Source]) -> list[Family]:
    """The sources, grouped by the names of their hparams."""
    found: dict[frozenset[str], list[str]] = {}
    for name, source in sources.items():
        found.setdefault(frozenset(source.hparams), []).append(name)
    made = []
    for names in found.values():
        spaces = [sources[name].space for name in names]
        first = spaces[0]
        told = [None if space is None else space.to_dict() for space in spaces]
        same = first if all(tree == told[0] for tree in told) else None
        made.append(Family(tuple(names), sources[names[0]].hparams, same))
    return made


def distinct(names: Sequence[str]) -> list[str]:
    """Adds a number to names that occur more than once."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})"
        for k, name in enumerate(names)
    ]


def file_name(text: str) -> str:
    """A file name that every file system accepts."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower())
    return "-".join(kept.split()) or "unnamed"
