"""Tidy tables of any number of runs: a row per trial, per epoch and per generation; no drawing.

Comparisons are between *groups*. A group is the trials of one strategy in all runs that differ only
in their seed (and in the other strategies that they ran).
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.goal import COSTS
from hptjax.records.metrics import CLASSIFICATION, in_order, is_metric
from hptjax.records.run_dir import label_of, load_run
from hptjax.records.trial import GenerationRecord, StudyResult, TrialRecord
from hptjax.report.seconds import own_seconds
from hptjax.report.tables import epochs_frame, trials_frame
from hptjax.space import Space

Runs = Mapping[str, StudyResult]
PLACE = ("group", "run", "strategy", "seed", "variant")
COST = ("epochs", "member_epochs", "samples", "seconds", "elapsed")
JUDGED = ("number", "generation", "status", "metric", "direction", "value", "told")
LAST = ("key", "changes", "reason", "duplicate_of")
COLUMNS = (*PLACE, *JUDGED, *COST, *LAST)  # without the metrics, which stand before the cost
SERIES = "series"  # a column that a page adds: the name of a search of a run
UNIT = "unit:"  # prefix of an hparam's coordinate in the unit cube
LEDGER = ("members", "member_epochs", "samples")
SECONDS = ("compile_s", "train_s", "searcher_s", "log_s")
# keys of a config that do not make variants
NO_VARIANT = ("seed", "out", "tensorboard", "strategies")


def load_runs(paths: Iterable[str | Path]) -> dict[str, StudyResult]:
    """Loads the runs of some directories; their names are the shortest unique ends of the paths.

    Raises ConfigError if a directory holds no run or is given twice, DataError for a damaged
    journal.
    """
    folders = [Path(path).resolve() for path in paths]
    for k, folder in enumerate(folders):
        if folder in folders[:k]:
            raise ConfigError(f"{folder}: given twice; each run must be given once.")
    return {name: load_run(folder) for name, folder in zip(names_of(folders), folders, strict=True)}


def names_of(folders: list[Path]) -> list[str]:
    """The shortest unique ends of different absolute paths; all have as many components."""
    longest = max((len(folder.parts) for folder in folders), default=1)
    for length in range(1, longest):
        names = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def runs_table(runs: Runs) -> pd.DataFrame:
    """One row per trial of all runs, with `columns_of`, then the hparams, then their coordinates.

    group: the unit of comparisons, see `join_tables`. variant: equal for runs that differ only in
    the seed. epochs: how long it was trained. member_epochs: epochs times repetitions. samples:
    images it was trained on. seconds: its share of the wall time of its generation, by epochs.
    elapsed: wall seconds from the start of its strategy to the end of its generation, when its
    value was known. seconds and elapsed exclude compiling, which the first strategy of a run does
    for all (see `ledger_table`). value and told are NaN for failed trials. For trials that the
    schedule stopped, they are from the last epoch, and not comparable with trained ones. metric and
    direction say what value is, and which way is better.
    """
    return join_tables(*(_run_table(name, result) for name, result in runs.items()))


def join_tables(*tables: pd.DataFrame) -> pd.DataFrame:
    """Joins tables of runs, and gives the groups distinct names.

    The name of a group is its strategy. If a strategy has several variants, the names of all groups
    also have their first run: `des, run-a`. Columns that a table lacks are empty in its rows.
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        return tables[0].copy() if tables else pd.DataFrame(columns=columns_of(CLASSIFICATION))
    joined = pd.concat(filled, ignore_index=True)
    units = [name for name in joined if str(name).startswith(UNIT)]
    fixed = [name for name in columns_of(metrics_in(joined)) if name in joined]
    others = [name for name in joined if name not in fixed and name not in units]
    joined["group"] = _group_names(joined)
    return joined.reindex(columns=[*fixed, *others, *units])


def epochs_table(runs: Runs) -> pd.DataFrame:
    """One row per trained trial and epoch (from 1): the trial, and the metrics after that epoch."""
    frames = [
        _placed(epochs_frame(result.generations), name, result) for name, result in runs.items()
    ]
    return join_tables(*frames)


def ledger_table(runs: Runs) -> pd.DataFrame:
    """One row per generation: members, member_epochs, samples, and the parts of the wall time.

    compile_s, train_s, searcher_s, log_s and other_s add up to wall_s.
    """
    frames = []
    for name, result in runs.items():
        rows = [_ledger_row(record) for record in result.generations]
        columns = ["strategy", "generation", "trials", *LEDGER, *SECONDS, "other_s", "wall_s"]
        frames.append(_placed(pd.DataFrame(rows, columns=columns), name, result))
    return join_tables(*frames)


def space_of(result: StudyResult) -> Space | None:
    """The space that a run searched; None if its config does not say."""
    tree = result.config.get("space")
    return None if tree is None else Space.from_dict(tree)


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of a table, with its type, which pandas does not declare for `table[name]`."""
    return cast(pd.Series, table[name])


def floats(table: pd.DataFrame, name: str) -> np.ndarray:
    """A column as floats, with NaN for empty cells."""
    return column(table, name).to_numpy(float, na_value=np.nan)


def columns_of(metrics: Iterable[str]) -> list[str]:
    """The columns of a table of trials with these metrics, without the hparams."""
    return [*PLACE, *JUDGED, *metrics, *COST, *LAST]


def metrics_in(table: pd.DataFrame) -> tuple[str, ...]:
    """The names of the metrics in a table."""
    names = map(str, table)
    return in_order(name for name in names if is_metric(name) and name not in SECONDS)


def hparams_of(table: pd.DataFrame) -> list[str]:
    """The names of the hparams of a runs_table."""
    known = (*columns_of(metrics_in(table)), SERIES, "epoch", *COSTS)
    return [name for name in table if name not in known and not str(name).startswith(UNIT)]


def _run_table(name: str, result: StudyResult) -> pd.DataFrame:
    frame = trials_frame(result.generations, result.goal.name, space_of(result) or ())
    costs = pd.DataFrame(_costs(result), columns=["member_epochs", "samples", "seconds", "elapsed"])
    frame = frame.assign(direction=result.goal.direction)
    table = _placed(pd.concat([frame, costs, _coordinates(result)], axis=1), name, result)
    numbers = ["value", "told", *metrics_in(table)]
    table[numbers] = table[numbers].astype(float)
    return join_tables(table.astype({"generation": "Int64"}))


def _coordinates(result: StudyResult) -> pd.DataFrame:
    """The coordinates in the unit cube by hparam, NaN for inactive ones.

    Empty if the run does not say its space.
    """
    space = space_of(result)
    if space is None or not result.trials:
        return pd.DataFrame()
    points = [_point(space, trial) for trial in result.trials]
    frame = pd.DataFrame(points, columns=list(space.names))
    return frame.astype(float).add_prefix(UNIT)


def _point(space: Space, trial: TrialRecord) -> dict[str, float]:
    """The coordinates of a trial's active hparams."""
    hparams = trial.hparams
    fits = len(trial.genotype) == len(space)
    if fits and hparams.items() <= space.decode(trial.genotype).items():
        point = dict(zip(space, trial.genotype, strict=True))
        return {name: point[name] for name in hparams}
    # older journals did not keep the order of the axes
    return {name: entry.to_unit(hparams[name]) for name, entry in space.items() if name in hparams}


def _placed(frame: pd.DataFrame, name: str, result: StudyResult) -> pd.DataFrame:
    variants = {label: _variant(result.config, label) for label in set(frame["strategy"])}
    return frame.assign(
        group=frame["strategy"],
        run=name,
        seed=result.config.get("seed", 0),
        variant=[variants[label] for label in frame["strategy"]],
    )


def _variant(config: Mapping[str, Any], label: str) -> str:
    """A text that is equal for one strategy under configs that differ only in NO_VARIANT."""
    entries = [entry for entry in config.get("strategies", ()) if label_of(entry) == label]
    rest = {key: value for key, value in config.items() if key not in NO_VARIANT}
    text = json.dumps([rest, entries], sort_keys=True, default=str)
    return f"{zlib.crc32(text.encode()):08x}"


def _group_names(table: pd.DataFrame) -> pd.Series:
    first = table.drop_duplicates(["strategy", "variant"])
    several = first["strategy"].duplicated().any()
    names = {
        (strategy, variant): f"{strategy}, {run}" if several else strategy
        for strategy, variant, run in zip(first.strategy, first.variant, first.run, strict=True)
    }
    keys = zip(table["strategy"], table["variant"], strict=True)
    return pd.Series([names[key] for key in keys], index=table.index, dtype=object)


def _costs(result: StudyResult) -> list[tuple[float, float, float, float]]:
    """The costs of each trial: member_epochs, samples, seconds, elapsed."""
    repeats = result.config.get("repeats", 1)
    elapsed: dict[str, float] = {}
    rows = []
    for record in result.generations:
        ages = [trial.age if trial.was_trained else 0 for trial in record.trials]
        ledger, trained = record.ledger, sum(ages)
        spent = ledger["member_epochs"]
        images = ledger["samples"] / spent if spent else 0.0
        wall = own_seconds(ledger)
        elapsed[record.strategy] = elapsed.get(record.strategy, 0.0) + wall
        for age in ages:
            members = age * repeats
            part = age / trained if trained else 1 / len(record.trials)
            seconds = wall * part
            rows.append((members, members * images, seconds, elapsed[record.strategy]))
    return rows


def _ledger_row(record: GenerationRecord) -> dict[str, Any]:
    ledger = record.ledger
    named = {key: ledger.get(key, 0.0) for key in (*LEDGER, *SECONDS)}
    other = ledger["wall_s"] - sum(named[key] for key in SECONDS)
    return {
        "strategy": record.strategy,
        "generation": record.generation,
        "trials": len(record.trials),
        **named,
        "other_s": max(0.0, other),
        "wall_s": ledger["wall_s"],
    }
