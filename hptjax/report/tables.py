"""Tidy tables of a run, from its records: one row per trial, or one per trial and epoch."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from hptjax.records.change import describe_changes
from hptjax.records.files import replace_file
from hptjax.records.trial import GenerationRecord, StudyResult, TrialRecord, metrics_of

PLACE = ("strategy", "number", "key", "generation", "status")
LAST = ("changes", "reason", "duplicate_of")


def trials_frame(
    generations: Iterable[GenerationRecord], metric: str, hparams: Iterable[str] = ()
) -> pd.DataFrame:
    """One row per trial: its place, value, metrics after the judged epoch, hparams and changes.

    metric: the name of the metric that `value` is; `told` is the fitness, where lower is better.
    hparams: the names of the space; each has a column, even if no trial has a value. `changes`
    joins the changes of repair, `reason` says why a trial was not trained to the end,
    `duplicate_of` is the number of an earlier trial of the same network. Objectives without curves,
    such as costs, have columns, too. Inactive hparams, and missing or not finite numbers, are
    empty. The column `epoch` exists only if trials are judged by their best epoch; otherwise the
    judged epoch is the last of `epochs`.
    """
    records = list(generations)
    metrics = metrics_of(trials_of(records))
    chosen = any(trial.epoch is not None for trial in trials_of(records))
    names = _hparam_columns(trials_of(records), tuple(hparams))
    found = dict.fromkeys(n for trial in trials_of(records) for n in trial.objectives)
    others = [name for name in found if name not in metrics]
    rows = [
        {
            "strategy": trial.strategy,
            "number": trial.number,
            "key": trial.key,
            "generation": record.generation,
            "status": trial.status.value,
            "metric": metric,
            "value": trial.value,
            "told": trial.told,
            **{name: trial.judged(name) for name in metrics},
            **{name: trial.objectives.get(name) for name in others},
            "epochs": trial.age,
            **({"epoch": trial.epoch} if chosen else {}),
            **{name: trial.hparams.get(name) for name in names},
            "changes": describe_changes(trial.changes),
            "reason": trial.reason or "",
            "duplicate_of": "" if trial.duplicate_of is None else trial.duplicate_of,
        }
        for record in records
        for trial in record.trials
    ]
    columns = [*PLACE, "metric", "value", "told", *metrics, "epochs", *LAST]
    return pd.DataFrame(rows, columns=None if rows else columns)


def _hparam_columns(trials: Iterable[TrialRecord], space: tuple[str, ...]) -> list[str]:
    """The names in the order of the trials, or of the space if a trial lacks any."""
    found = [list(trial.hparams) for trial in trials]
    seen = dict.fromkeys(name for names in found for name in names)
    complete = all(len(names) == len(seen) for names in found) and seen.keys() >= set(space)
    return list(seen if complete else dict.fromkeys((*space, *seen)))


def epochs_frame(generations: Iterable[GenerationRecord]) -> pd.DataFrame:
    """One row with the metrics per trained trial and epoch, counted from 1.

    A trial that took the results of an earlier one has no rows.
    """
    trials = trials_of(generations)
    metrics = metrics_of(trials)
    rows = [
        {
            "strategy": trial.strategy,
            "number": trial.number,
            "epoch": epoch + 1,
            **{name: trial.epochs[name][epoch] for name in metrics},
        }
        for trial in trials
        if trial.was_trained
        for epoch in range(trial.age)
    ]
    return pd.DataFrame(rows, columns=["strategy", "number", "epoch", *metrics])


def trials_of(generations: Iterable[GenerationRecord]) -> list[TrialRecord]:
    return [trial for record in generations for trial in record.trials]


def whole_frame(result: StudyResult) -> pd.DataFrame:
    """The `trials_frame` of a run; whole numbers stay whole in columns with empty cells."""
    frame = trials_frame(result.generations, result.goal.name, result.config.get("space", ()))
    whole = [*_whole(result.trials), *({"epoch"} & set(frame.columns))]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def write_tables(result: StudyResult, folder: Path) -> None:
    """Writes trials.csv and epochs.csv, each whole or not at all."""
    frames = {"trials": whole_frame(result), "epochs": epochs_frame(result.generations)}
    for name, frame in frames.items():
        replace_file(folder / f"{name}.csv", frame.to_csv(index=False).encode())


def _whole(trials: Sequence[TrialRecord]) -> list[str]:
    """The hparams of whole numbers with empty cells, which pandas would make real numbers."""
    found: dict[str, list[type]] = {}
    for trial in trials:
        for name, value in trial.hparams.items():
            found.setdefault(name, []).append(type(value))
    return [n for n, kinds in found.items() if set(kinds) == {int} and len(kinds) < len(trials)]
