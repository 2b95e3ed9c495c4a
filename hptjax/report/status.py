"""The status of a run, read from its directory while another process may write to it."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal
from hptjax.records.journal import is_open
from hptjax.records.metrics import measure_of
from hptjax.records.reader import NAME, read_run
from hptjax.records.run_dir import label_of
from hptjax.records.trial import (
    FAILED,
    GenerationRecord,
    Status,
    TrialRecord,
    best_trial,
    metrics_of,
)
from hptjax.report.console import other_metric, show_number, show_workers
from hptjax.report.terminal import PlainTable

MINUTE, HOUR, DAY = 60, 3600, 86400
SHORT = {"accuracy": "acc."}  # short names of measures


@dataclass(frozen=True)
class StrategyStatus:
    """The results and costs of one strategy so far; stop: why it ended under the present budget."""

    label: str
    generations: tuple[GenerationRecord, ...]
    budget: Mapping[str, float]
    stop: str | None

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        return tuple(trial for record in self.generations for trial in record.trials)

    @property
    def best(self) -> TrialRecord | None:
        return best_trial(self.trials)

    @property
    def last_failure(self) -> TrialRecord | None:
        failed = [trial for trial in self.trials if trial.status in FAILED]
        return failed[-1] if failed else None

    @property
    def spent(self) -> dict[str, float]:
        """The costs so far, by the names of the budget."""
        ledgers = [record.ledger for record in self.generations]
        sums = {"member_epochs": "member_epochs", "samples": "samples", "seconds": "wall_s"}
        return {
            "generations": len(self.generations),
            "trials": len(self.trials),
            **{name: sum(ledger.get(key, 0) for ledger in ledgers) for name, key in sums.items()},
        }

    @property
    def compiling(self) -> float:
        """How many of the spent seconds were for compiling."""
        return sum(record.ledger.get("compile_s", 0.0) for record in self.generations)


@dataclass(frozen=True)
class RunStatus:
    """The present state of a run.

    age: seconds since its journal was last written. goal: the goal of the run. going: whether a
    process is writing to it.
    """

    strategies: tuple[StrategyStatus, ...]
    age: float
    goal: Goal = field(default_factory=Goal)
    going: bool = True

    @property
    def finished(self) -> bool:
        return all(strategy.stop is not None for strategy in self.strategies)


def read_status(path: Path) -> RunStatus:
    """Reads a run directory without locking it; ignores a line that is being written.

    Raises ConfigError if it holds no run, DataError if its journal is damaged.
    """
    found = read_run(path)
    budget = dict(found.budget)

    def stop_of(label: str) -> str | None:
        stop = found.stops.get(label)
        return stop.reason if stop is not None and stop.budget == budget else None

    labels = [label_of(strategy) for strategy in found.config["strategies"]]
    limits = {name: limit for name, limit in budget.items() if limit is not None}
    return RunStatus(
        tuple(
            StrategyStatus(
                label,
                tuple(record for record in found.generations if record.strategy == label),
                limits,
                stop_of(label),
            )
            for label in labels
        ),
        journal_age(path),
        found.goal or Goal(),
        is_open(path / NAME),
    )


def state_of(strategy: StrategyStatus, status: RunStatus) -> str:
    """The state of a strategy in words; strategies run one after another."""
    if strategy.stop is not None:
        return f"done: {strategy.stop}"
    present = next(other for other in status.strategies if other.stop is None)
    if strategy is not present:
        return "waiting"
    return "running" if status.going else "interrupted"


def journal_age(path: Path) -> float:
    """Seconds since the journal of a run was last written; ConfigError if it is gone."""
    try:
        return max(0.0, time.time() - (path / NAME).stat().st_mtime)
    except OSError:
        raise ConfigError(f"{path}: the run is no longer there.") from None


def status_table(status: RunStatus) -> PlainTable:
    """A table with a row for each strategy, which fits 80 columns."""
    title = f"best: {status.goal}"
    table = PlainTable(title=title, title_justify="left", show_lines=True)
    table.add_column("strategy", overflow="fold")
    table.add_column("trials", overflow="fold", no_wrap=True)
    table.add_column("best", overflow="fold", no_wrap=True)
    table.add_column("spent", overflow="fold")
    table.add_column("state", overflow="fold")
    for strategy in status.strategies:
        table.add_row(
            strategy.label,
            "\n".join(_trial_lines(strategy)),
            "\n".join(_best_lines(strategy.best, status.goal)),
            "\n".join(_spent_lines(strategy)),
            "\n".join(
                filter(None, [state_of(strategy, status), show_workers(strategy.generations)])
            ),
        )
    return table


def status_notes(status: RunStatus) -> Iterator[str]:
    """The last failure of each strategy, and when the last record was written."""
    for strategy in status.strategies:
        failure = strategy.last_failure
        if failure is not None:
            reason = failure.reason or "no reason recorded"
            yield (
                f"Last failure of {strategy.label}: trial {failure.number}, "
                f"{failure.status.value}: {reason}"
            )
    yield f"Last record {show_seconds(status.age)} ago."


def _state_lines(strategy: StrategyStatus, status: RunStatus) -> list[str]:
    workers = show_workers(strategy.generations)
    return [state_of(strategy, status), *([workers] if workers else [])]


def _trial_lines(strategy: StrategyStatus) -> list[str]:
    counts = Counter(trial.status for trial in strategy.trials)
    return [f"{len(strategy.trials)} in all"] + [
        f"{counts[status]} {status.value}" for status in Status if counts[status]
    ]


def _best_lines(best: TrialRecord | None, goal: Goal) -> list[str]:
    if best is None:
        return ["-"]
    other = other_metric(goal, metrics_of([best]))
    measure = measure_of(other)
    beside = f"{SHORT.get(measure, measure)} {show_number(best.judged(other))}"
    return [show_number(best.value), f"trial {best.number}", beside]


def _spent_lines(strategy: StrategyStatus) -> list[str]:
    """Each limit of the budget with the amount spent; the seconds always."""
    spent = strategy.spent
    lines = [
        f"{spent[name]:.0f} of {limit:.0f} {name.replace('_', '-')}"
        for name, limit in strategy.budget.items()
    ]
    if "seconds" not in strategy.budget:
        lines.append(show_seconds(spent["seconds"]))
    if strategy.compiling >= 1:
        lines.append(f"{show_seconds(strategy.compiling)} compiling")
    return lines


def show_seconds(seconds: float) -> str:
    """Seconds in suitable units: 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
