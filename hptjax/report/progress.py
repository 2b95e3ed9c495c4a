"""What a run shows while it goes: a bar on a terminal, one line per generation elsewhere."""

from collections.abc import Mapping
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

from hptjax.records.trial import GenerationRecord, best_value
from hptjax.report.console import show_number, show_workers
from hptjax.study.sink import Sink


class ProgressLines(Sink):
    """One quiet line per generation, fit for a log file."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._best = float("inf")
        self._replayed = 0

    def begin(self, strategy: str, trials: int | None) -> None:
        self._best, self._replayed = float("inf"), 0

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        self._best = min(self._best, best_value(record.trials))
        if replayed:
            self._replayed += 1
            return
        if self._replayed:
            self.message(f"{record.strategy}: {self._replayed} generations taken from the journal")
            self._replayed = 0
        self.message(describe_generation(record, self._best))

    def end(self, strategy: str, reason: str) -> None:
        self.message(f"{strategy}: stopped by {reason}, best {show_number(self._best)}")

    def message(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class ProgressBars(Sink):
    """A bar per strategy over its trials, with the best value so far and the present epoch."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._task = TaskID(0)
        self._best = float("inf")

    def __enter__(self) -> "ProgressBars":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def begin(self, strategy: str, trials: int | None) -> None:
        self._best = float("inf")
        self._task = self._progress.add_task(strategy, total=trials, note="compiling")

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        loss = metrics["val_loss"]
        lowest = float(np.nanmin(loss)) if not np.isnan(loss).all() else None
        best = show_number(self._best)
        note = f"best {best}, epoch {epoch + 1}: {show_number(lowest)}"
        self._progress.update(self._task, note=note)

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        self._best = min(self._best, best_value(record.trials))
        note = f"best {show_number(self._best)}"
        self._progress.update(self._task, advance=len(record.trials), note=note)

    def end(self, strategy: str, reason: str) -> None:
        note = f"best {show_number(self._best)} ({reason})"
        self._progress.update(self._task, note=note)

    def message(self, text: str) -> None:
        self._progress.console.print(text)


def describe_generation(record: GenerationRecord, best: float) -> str:
    """`des generation 3: 29 trials, best 0.4312 (run 0.4120), 12.3 s`."""
    failed = sum(trial.value is None for trial in record.trials)
    compile_s = record.ledger["compile_s"]
    return (
        f"{record.strategy} generation {record.generation + 1}: {len(record.trials)} trials"
        + (f" ({failed} failed)" if failed else "")
        + f", best {show_number(best_value(record.trials))}, so far {show_number(best)},"
        + f" {record.ledger['wall_s']:.1f} s"
        + (f" (compiling {compile_s:.1f} s)" if compile_s else "")
        + "".join(f", {text}" for text in [show_workers([record])] if text)
    )
