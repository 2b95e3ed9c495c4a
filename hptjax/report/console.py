"""The leaderboard: trials of all strategies, best first."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from hptjax.records.change import describe_changes
from hptjax.records.goal import COSTS, Goal
from hptjax.records.metrics import VAL
from hptjax.records.pareto import pareto_front, values_of
from hptjax.records.trial import (
    COUNTED,
    GenerationRecord,
    TrialRecord,
    best_value,
    copies_of,
    metrics_of,
    rank_trials,
)
from hptjax.report.seconds import own_seconds
from hptjax.report.terminal import PlainTable

LONG_NAME = 24  # characters
OWN_SECONDS = "s without\ncompiling"  # what `own_seconds` gives


def leaderboard(trials: Sequence[TrialRecord], goal: Goal, rows: int = 10) -> PlainTable:
    """A table of the best trials, with the number of failed ones below; goal: the goal of values.

    A network that was tried several times has one row, the row of its first trial.
    """
    other = other_metric(goal, metrics_of(trials))
    repeated = "; means of the repetitions" if any(trial.spread for trial in trials) else ""
    failed = sum(trial.value is None for trial in trials)
    caption = f"{len(trials)} trials, {failed} failed or infeasible" if failed else None
    table = PlainTable(
        title=f"Leaderboard ({goal.name}, {goal.better} is better{repeated})",
        title_justify="left",
        caption=caption,
    )
    table.add_column("rank", justify="right", no_wrap=True, spare=True)
    table.add_column("strategy", **_names(trial.strategy for trial in trials))
    for column in ("trial", goal.name):
        table.add_column(column, justify="right", no_wrap=True)
    epochs = "epochs" if all(trial.epoch is None for trial in trials) else "epoch"
    for column in (epochs, other):
        table.add_column(column, justify="right", no_wrap=True, spare=True)
    table.add_column("hparams", ratio=2, overflow="fold")
    table.add_column("remarks", ratio=1, overflow="fold")
    copies = copies_of(trials)
    ranked = rank_trials(trial for trial in trials if trial.duplicate_of is None)
    for rank, trial in enumerate(ranked[:rows], start=1):
        table.add_row(
            str(rank),
            trial.strategy,
            str(trial.number),
            "failed" if trial.value is None else f"{trial.value:.4f}",
            str(trial.age) if trial.epoch is None else f"{trial.epoch} of {trial.age}",
            show_number(trial.judged(other)),
            show_hparams(trial.hparams),
            _remarks(trial, copies.get((trial.strategy, trial.number), ())) or "-",
        )
    return table


def pareto_table(
    trials: Sequence[TrialRecord], goals: Sequence[Goal], rows: int = 20
) -> PlainTable:
    """A table of the trials on the Pareto front; goals: the metric's, then the others."""
    front = pareto_front(trials, goals)
    shown = front[:rows]
    more = f"{len(front) - rows} more are in trials.csv" if len(front) > rows else None
    table = PlainTable(
        title=f"Pareto front ({'; '.join(map(str, goals))})", title_justify="left", caption=more
    )
    table.add_column("strategy", **_names(trial.strategy for trial in shown))
    for column in ("trial", *(goal.name for goal in goals)):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("hparams", ratio=1, overflow="fold")
    for trial in shown:
        values = zip(goals, values_of(trial), strict=True)
        table.add_row(
            trial.strategy,
            str(trial.number),
            *(show_value(goal, value) for goal, value in values),
            show_hparams(trial.hparams),
        )
    return table


def show_value(goal: Goal, value: float | None) -> str:
    """A cost as a whole number, any other value with four digits."""
    return f"{value:,.0f}" if goal.name in COSTS and value is not None else show_number(value)


def _names(names: Iterable[str]) -> dict[str, Any]:
    """The layout of a column of strategies: in one line, unless that takes half a terminal."""
    return {"no_wrap": max(map(len, names), default=0) <= LONG_NAME, "overflow": "fold"}


def _remarks(trial: TrialRecord, copies: Sequence[TrialRecord]) -> str:
    """Why a trial ended early, its copies, and the changes that repair made."""
    changes = describe_changes(trial.changes, all_of_them=False)
    texts = (trial.reason, _again(trial, copies), changes)
    return "; ".join(text for text in texts if text)


def _again(trial: TrialRecord, copies: Sequence[TrialRecord]) -> str:
    """How often the same network was proposed; mean and deviation of several trainings."""
    again = [copy for copy in copies if copy.was_trained]
    if not again:
        return f"proposed {len(copies) + 1} times" if copies else ""
    values = [t.value for t in (trial, *again) if t.status in COUNTED and t.value is not None]
    if len(values) < 2:
        return f"trained {len(again) + 1} times"
    return f"trained {len(again) + 1} times: {mean(values):.4f} +- {stdev(values):.4f}"


def other_metric(goal: Goal, metrics: Sequence[str]) -> str:
    """The metric that is shown beside the metric that judges trials.

    metrics: the names of all metrics, in order. If a validation metric other than the loss judges,
    it is the loss; otherwise, it is the first validation metric that is not the loss.
    """
    others = [name for name in metrics if name.startswith(VAL) and name != "val_loss"]
    judged = goal.name in others or not others
    return "val_loss" if judged else others[0]


def summary_table(
    generations: Sequence[GenerationRecord], stops: Mapping[str, str], goal: Goal
) -> PlainTable:
    """The costs and results of each strategy, and why it stopped; values of trained trials only.

    The caption says the seconds of compiling: a budget of seconds counts them.
    """
    compiling = sum(record.ledger.get("compile_s", 0.0) for record in generations)
    caption = f"Compiling took {compiling:.1f} s more, which a budget of seconds counts."
    table = PlainTable(
        title=f"Strategies ({goal.name}, {goal.better} is better)",
        title_justify="left",
        caption=caption if compiling else None,
    )
    table.add_column("strategy", **_names(stops))
    spare = ("median", "epochs", "train s", "compile s")
    for column in ("trials", "best", *spare, OWN_SECONDS):
        table.add_column(column, justify="right", no_wrap=True, spare=column in spare)
    table.add_column("stopped by")
    for name, reason in stops.items():
        own = [record for record in generations if record.strategy == name]
        table.add_row(name, *_summary(own), reason)
    return table


def _summary(records: Sequence[GenerationRecord]) -> list[str]:
    trials = [trial for record in records for trial in record.trials]
    counted = [t for t in trials if t.status in COUNTED and t.duplicate_of is None]
    values = [t.value for t in counted if t.value is not None]
    total = {
        key: sum(record.ledger.get(key, 0) for record in records)
        for key in ("member_epochs", "train_s", "compile_s")
    }
    total["wall_s"] = sum(own_seconds(record.ledger) for record in records)
    return [
        str(len(trials)),
        show_number(best_value(trials)),
        show_number(median(values) if values else None),
        f"{total['member_epochs']:.0f}",
        *(f"{total[key]:.1f}" for key in ("train_s", "compile_s", "wall_s")),
    ]


def show_workers(generations: Sequence[GenerationRecord]) -> str:
    """`3 workers, 1 lost, 9 retries`: the most at a time; empty for one worker without faults."""
    ledgers = [record.ledger for record in generations]
    workers = max((ledger.get("workers", 1) for ledger in ledgers), default=1)
    counts = {
        "lost": sum(ledger.get("workers_lost", 0) for ledger in ledgers),
        "retries": sum(ledger.get("retries", 0) for ledger in ledgers),
    }
    if workers == 1 and not any(counts.values()):
        return ""
    faults = [f"{count:.0f} {name}" for name, count in counts.items() if count]
    return ", ".join([f"{workers:.0f} worker{'s' * (workers > 1)}", *faults])


def show_number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.4f}"


def show_measures(values: Mapping[str, float]) -> str:
    """Measures as text: `loss 0.3000 accuracy 0.9000`."""
    return " ".join(f"{name} {value:.4f}" for name, value in values.items())


def show_hparams(hparams: Mapping[str, Any]) -> str:
    """Hparams as `name=value` pairs, with four digits for real numbers."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in hparams.items()
    )
