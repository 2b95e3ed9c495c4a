"""The progress of a run: a bar on a terminal, one line per generation elsewhere."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hptjax.errors import printable
from hptjax.records.trial import GenerationRecord, Status, TrialRecord, best_trial
from hptjax.report.console import show_number, show_workers
from hptjax.report.terminal import plain_text
from hptjax.study.sink import Sink

EVERY_S = 5.0  # seconds since the last line before an epoch gets one


class ProgressLines(Sink):
    """Lines for a log file: starts and ends, each generation, and an epoch every EVERY_S."""

    def __init__(
        self, stream: IO[str], metric: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """metric: the name of the study's metric, to be shown; empty shows none."""
        self._stream, self._metric, self._clock = stream, metric, clock
        self._best: TrialRecord | None = None
        self._replayed = 0
        self._last = -EVERY_S

    def begin(self, strategy: str, trials: int | None) -> None:
        self._best, self._replayed = None, 0
        self.message(f"{strategy}: begins" + ("" if trials is None else f", up to {trials} trials"))

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        if self._clock() - self._last >= EVERY_S:
            count, lowest = len(metrics["val_loss"]), show_number(lowest_loss(metrics))
            text = f"epoch {epoch} of {count} networks, lowest val_loss {lowest}"
            self.message(f"{strategy}: {text}")

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        self._best = better_trial(self._best, record.trials)
        if replayed:
            self._replayed += 1
            return
        if self._replayed:
            count = "1 generation" if self._replayed == 1 else f"{self._replayed} generations"
            self.message(f"{record.strategy}: {count} taken from the journal")
            self._replayed = 0
        self.message(describe_generation(record, self._best, self._metric))

    def end(self, strategy: str, reason: str) -> None:
        self.message(f"{strategy}: stopped by {reason}, {show_best(self._best, self._metric)}")

    def message(self, text: str) -> None:
        self._last = self._clock()
        print(printable(text), file=self._stream, flush=True)


class ProgressBars(Sink):
    """A bar per strategy over its trials, with the best value so far and the present epoch."""

    def __init__(self, console: Console, metric: str = "") -> None:
        """metric: as in ProgressLines."""
        self._progress = Progress(
            TextColumn("{task.description:>8}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
        )
        self._task = TaskID(0)
        self._metric = metric
        self._best: TrialRecord | None = None

    def __enter__(self) -> "ProgressBars":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def begin(self, strategy: str, trials: int | None) -> None:
        self._best = None
        self._task = self._progress.add_task(printable(strategy), total=trials, note="compiling")

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        best, lowest = show_best(self._best, self._metric), show_number(lowest_loss(metrics))
        note = f"{best}, epoch {epoch}: val_loss {lowest}"
        self._progress.update(self._task, note=note)

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        self._best = better_trial(self._best, record.trials)
        note = show_best(self._best, self._metric)
        self._progress.update(self._task, advance=len(record.trials), note=note)

    def end(self, strategy: str, reason: str) -> None:
        note = f"{show_best(self._best, self._metric)} ({printable(reason)})"
        self._progress.update(self._task, note=note)

    def message(self, text: str) -> None:
        self._progress.console.print(plain_text(text))


def lowest_loss(metrics: Mapping[str, np.ndarray]) -> float | None:
    """The lowest validation loss of [P] that is not NaN; None if there is none."""
    loss = metrics["val_loss"]
    return None if np.isnan(loss).all() else float(np.nanmin(loss))


def better_trial(best: TrialRecord | None, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The best of all these trials."""
    return best_trial(trials if best is None else [best, *trials])


def show_best(best: TrialRecord | None, metric: str) -> str:
    """The best value as text: `best val_accuracy 0.9600`."""
    name = f" {metric}" if metric else ""
    return f"best{name} {show_number(best.value if best else None)}"


def describe_generation(record: GenerationRecord, best: TrialRecord | None, metric: str) -> str:
    """A line: `des generation 3: 29 trials, best val_loss 0.4312, so far 0.4120, 12.3 s`."""
    infeasible = sum(trial.status is Status.INFEASIBLE for trial in record.trials)
    failed = sum(trial.value is None for trial in record.trials) - infeasible
    known = sum(trial.duplicate_of is not None for trial in record.trials)
    compile_s = record.ledger["compile_s"]
    return (
        f"{record.strategy} generation {record.generation + 1}: {len(record.trials)} trials"
        + (f" ({infeasible} infeasible)" if infeasible else "")
        + (f" ({failed} failed)" if failed else "")
        + (f" ({known} of networks tried before)" if known else "")
        + f", {show_best(record.best, metric)}, so far {show_number(best.value if best else None)},"
        + f" {record.ledger['wall_s']:.1f} s"
        + (f" (compiling {compile_s:.1f} s)" if compile_s else "")
        + "".join(f", {text}" for text in [show_workers([record])] if text)
    )
