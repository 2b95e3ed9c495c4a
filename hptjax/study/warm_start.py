"""Warm start: the best hparams of another run are tried first.

They are read once, when a run starts, and recorded in its config under `first`: a resumed run does
not depend on the other run any more.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptjax.config.hparams import bind
from hptjax.entries import Categorical, Entry, Value
from hptjax.errors import ConfigError, shown
from hptjax.paths import user_path
from hptjax.records.goal import EXAMPLES, Goal, goal_of_name
from hptjax.records.run_dir import load_run
from hptjax.records.trial import Status
from hptjax.space import Space
from hptjax.study.config import StudyConfig, WarmStart
from hptjax.transpile.owners import with_conditions


@dataclass(frozen=True)
class Known:
    """A trained trial of another run: its name, and its hparams that are in the space.

    loss: its fitness; lower is better, whatever the metric of that run.
    """

    name: str
    loss: float
    hparams: Mapping[str, Value]


def warm_started(study: StudyConfig, recorded: Mapping[str, Any] | None = None) -> StudyConfig:
    """The study with the points of its warm start added to `first`.

    recorded: the config of the run to be resumed. If it had the same warm start, its points are
    taken and the other run is not read. Hparams that are inactive or not in the space are left out;
    hparams that the other run lacks are mid-scale or the first choice. Raises ConfigError if the
    other run has no trained trial, or if one of its best trials is outside the space or has no
    hparam of it.
    """
    start = study.warm_start
    if start is None or start.resolved:
        return study
    resolved = start.model_copy(update={"resolved": True})
    tree = study.to_dict() | {"warm_start": resolved.model_dump()}
    first = _recorded_first(tree, recorded or {})
    return StudyConfig.from_dict(tree | {"first": first or [*study.first, *best_points(study)]})


def _recorded_first(tree: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[Any] | None:
    """The points of a run with the same warm start and the same `first`; else None."""
    points, own = recorded.get("first", []), tree["first"]
    same = recorded.get("warm_start") == tree["warm_start"] and points[: len(own)] == own
    return points if same else None


def best_points(study: StudyConfig) -> list[dict[str, Value]]:
    """The best distinct hparams, best first, that the study's warm start names."""
    start = study.warm_start
    assert start is not None
    space = with_conditions(study.space, bind(study.space, study.model))
    points: list[dict[str, Value]] = []
    for known in sorted(
        _read(start, study.space, Goal.from_tree(study.metric)), key=lambda known: known.loss
    ):
        if len(points) == start.best:
            break
        point = _point(known, space, start.source)
        if point not in points:
            points.append(point)
    if not points:
        raise ConfigError(f"warm_start: {start.source} holds no trained trial yet.")
    return points


def _point(known: Known, space: Space, source: str) -> dict[str, Value]:
    """The active hparams of a trial, in the space's types; defaults for missing ones."""
    try:
        if not known.hparams:
            raise ConfigError("it has no hparam of the space.")
        hparams = space.completed(known.hparams, drop=True)
        space.encode(hparams)
    except ConfigError as error:
        raise ConfigError(f"warm_start: trial {known.name} of {source}: {error}") from None
    return {name: space[name].check(value) for name, value in hparams.items()}


def _read(start: WarmStart, space: Space, own: Goal) -> Iterable[Known]:
    """Reads the trials of a warm start; own: the goal of this study."""
    if start.trials is not None:
        return list(_of_table(user_path(start.trials), space, own))
    try:
        trials = load_run(user_path(start.source)).trials
    except ConfigError as error:
        raise ConfigError(f"warm_start: {error}") from None
    return [
        Known(
            f"{trial.strategy}/{trial.number}",
            trial.told,
            {name: trial.hparams[name] for name in space if name in trial.hparams},
        )
        for trial in trials
        if trial.status is Status.TRAINED
        and trial.told is not None
        and trial.duplicate_of is None  # otherwise the luckiest training of a network would decide
    ]


def _of_table(path: Path, space: Space, own: Goal) -> Iterator[Known]:
    """The trained trials of a trials.csv, or of any table with a column `value`.

    A trials.csv has the fitness of each trial. In any other table, the values belong to the metric
    in the column `metric`, or else to the study's metric.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"warm_start: {path} cannot be read as a table: {error}") from None
    for line, row in enumerate(rows, start=2):
        if "value" not in row:
            raise ConfigError(f"warm_start: {path} must have a column `value`, it has none.")
        fit = row.get("status") in (None, Status.TRAINED) and not row.get("duplicate_of")
        if row["value"] and fit:
            name = f"{row['strategy']}/{row['number']}" if "strategy" in row else f"in line {line}"
            value = _number(row["value"])
            if value is None:
                raise ConfigError(
                    f"warm_start: {path}, line {line}: value must be a number, "
                    f"got {shown(row['value'])}."
                )
            loss = _told(row, value, own, f"warm_start: {path}, line {line}")
            yield Known(name, loss, {n: _value(space[n], row[n]) for n in space if row.get(n)})


def _told(row: Mapping[str, str], value: float, own: Goal, where: str) -> float:
    """The fitness of a row; lower is better."""
    told = _number(row.get("told") or "")
    if told is not None:
        return told
    name = row.get("metric") or own.name
    goal = own if name == own.name else goal_of_name(name)
    if goal is None:
        known = ", ".join(EXAMPLES)
        raise ConfigError(f"{where}: metric must be {known} or another measure, got {shown(name)}.")
    return goal.sign * value


def _value(entry: Entry, text: str) -> Value:
    """The value of a table's cell: a choice, a number, or else the text itself."""
    if isinstance(entry, Categorical):
        for choice in entry.choices:
            if str(choice) == text or (isinstance(choice, bool) and str(choice) == text.title()):
                return choice
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
