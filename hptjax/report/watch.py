"""The live view of a running study in a terminal: progress, best values, speed, time left."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from hptjax.records.journal import is_open
from hptjax.records.reader import NAME
from hptjax.records.trial import FAILED, GenerationRecord
from hptjax.report.console import show_number
from hptjax.report.seconds import own_seconds
from hptjax.report.status import (
    RunStatus,
    StrategyStatus,
    journal_age,
    read_status,
    show_seconds,
    state_of,
)
from hptjax.report.terminal import PlainTable, plain_text

WIDE = 90  # from this many columns on, there is room for more than the essentials
BARS = "▁▂▃▄▅▆▇█"
TREND, FAILURES = 16, 3  # how many generations, and failed trials, are shown


def follow(
    path: Path, every: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[RunStatus]:
    """Yields the state of a run every few seconds, until and including its end.

    every: seconds between two states. A journal that did not change is not read again. Raises
    ConfigError or DataError.
    """
    journal, seen, status = path / NAME, None, None
    while status is None or not status.finished:
        if status is not None:
            sleep(every)
        stamp = (journal.stat().st_size, journal.stat().st_mtime_ns) if journal.exists() else None
        if status is None or stamp != seen:
            seen, status = stamp, read_status(path)
        status = replace(status, age=journal_age(path), going=is_open(journal))
        yield status


def watch_view(name: str, status: RunStatus, width: int) -> RenderableType:
    """The view for a terminal with `width` columns; name: the name of the run."""
    wide = width >= WIDE
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2 if wide else 1), header_style="bold")
    longest = max((len(strategy.label) for strategy in status.strategies), default=0)
    width_of_names = max(len("strategy"), min(longest, 24 if wide else 14))
    table.add_column(
        "strategy",
        no_wrap=True,
        overflow="ellipsis",
        min_width=width_of_names,
        max_width=width_of_names,
    )
    for column in ("gen.", "best", "s/epoch", "left"):
        table.add_column(column, justify="right", no_wrap=True)
    if wide:
        table.add_column("trials", justify="right", no_wrap=True)
        table.add_column("failed", justify="right", no_wrap=True)
        table.add_column("best of each gen.", no_wrap=True)
    table.add_column("state", overflow="fold")
    for strategy in status.strategies:
        cells = _essentials(strategy, status)
        state = state_of(strategy, status)
        cells += [*_more(strategy), state] if wide else [state.split(":")[0]]
        table.add_row(*cells)
    lines = [_line(text) for text in failures(status)]
    if lines:
        lines = [_line(""), _line("Failed last:", "bold"), *lines]
    # the name may be long: the state gets its own line
    judged = f"best by {status.goal.name}, {status.goal.better} is better"
    return Group(
        _line(name, "bold"), _line(_summary(status)), _line(judged), _line(""), table, *lines
    )


def seconds_left(strategy: StrategyStatus) -> float | None:
    """The predicted seconds until its budget is spent; None if nothing is known.

    Compiling counts only for the first generation. A search that is exhausted, or fails too often,
    ends earlier.
    """
    if strategy.stop is not None:
        return 0.0
    ledgers = [record.ledger for record in strategy.generations]
    going = sum(map(own_seconds, ledgers))
    spent, ends = strategy.spent, []
    for name, limit in strategy.budget.items():
        if name == "seconds":
            ends.append(limit - spent[name])
        elif spent[name]:
            ends.append((limit - spent[name]) * going / spent[name])
    return max(0.0, min(ends)) if ends else None


def run_seconds_left(status: RunStatus) -> float | None:
    """The predicted seconds until all strategies end; waiting ones take the mean of the others."""
    waiting = sum(not s.generations and s.stop is None for s in status.strategies)
    begun = [s for s in status.strategies if s.generations or s.stop is not None]
    left = [seconds_left(strategy) for strategy in begun]
    known = [seconds for seconds in left if seconds is not None]
    if not begun or len(known) < len(left):
        return None
    whole = [s + strategy.spent["seconds"] for s, strategy in zip(known, begun, strict=True)]
    return max(0.0, sum(known) + waiting * sum(whole) / len(whole) - status.age)


def epoch_seconds(record: GenerationRecord) -> float | None:
    """Training seconds of one epoch of a generation, without compiling; None if none trained."""
    epochs = max((trial.age for trial in record.trials), default=0)
    return record.ledger["train_s"] / epochs if epochs else None


def failures(status: RunStatus) -> list[str]:
    """The last failed trials of the run, the latest first, each with its reason."""
    failed = [
        f"{trial.strategy}/{trial.number} {trial.status.value}: {trial.reason or 'no reason given'}"
        for strategy in status.strategies
        for trial in strategy.trials
        if trial.status in FAILED
    ]
    return failed[: -FAILURES - 1 : -1]


def _summary(status: RunStatus) -> str:
    """`1 of 4 strategies done, about 12 min left, last record 20 s ago`."""
    done = sum(strategy.stop is not None for strategy in status.strategies)
    spent = sum(strategy.spent["seconds"] for strategy in status.strategies)
    if status.finished:
        compiling = sum(strategy.compiling for strategy in status.strategies)
        note = f", {show_seconds(compiling)} of it compiling" if compiling >= 1 else ""
        return f"finished in {show_seconds(spent)}{note}"
    left = run_seconds_left(status)
    return (
        f"{done} of {len(status.strategies)} done"
        + ("" if left is None else f", about {show_seconds(left)} left")
        + f", last record {show_seconds(status.age)} ago"
    )


def _essentials(strategy: StrategyStatus, status: RunStatus) -> list[str]:
    most = strategy.budget.get("generations")
    made = len(strategy.generations)
    speeds = [epoch_seconds(record) for record in strategy.generations]
    speed = next((s for s in reversed(speeds) if s is not None), None)
    left = seconds_left(strategy)
    if left and strategy.generations and state_of(strategy, status) == "running":
        left = max(0.0, left - status.age)
    return [
        strategy.label,
        str(made) if most is None else f"{made}/{most:.0f}",
        show_number(strategy.best.value if strategy.best else None),
        "-" if speed is None else f"{speed:.3g}",
        "-" if left is None or strategy.stop is not None else show_seconds(left),
    ]


def _more(strategy: StrategyStatus) -> list[str]:
    failed = sum(trial.status in FAILED for trial in strategy.trials)
    best = [record.best for record in strategy.generations]
    values = [math.nan if trial is None else trial.value or 0.0 for trial in best]
    return [str(len(strategy.trials)), str(failed), spark(values)]


def spark(values: list[float]) -> str:
    """The last values as small bars between the lowest and the highest; NaN is a blank."""
    shown = values[-TREND:]
    finite = [value for value in shown if math.isfinite(value)]
    low, span = min(finite, default=0.0), max(finite, default=0.0) - min(finite, default=0.0)
    return "".join(
        BARS[round((value - low) / span * (len(BARS) - 1)) if span else 0]
        if math.isfinite(value)
        else " "
        for value in shown
    )


def _line(text: str, style: str = "") -> Text:
    return plain_text(text, style=style, no_wrap=True, overflow="ellipsis")
