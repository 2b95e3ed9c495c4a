"""The progress of a run in a notebook cell: a bar for each strategy, redrawn in place."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from hptjax.records.trial import GenerationRecord, TrialRecord
from hptjax.report.console import show_number
from hptjax.report.progress import better_trial, lowest_loss, show_best
from hptjax.study.sink import Sink

REDRAW_S = 0.25  # seconds between two drawings of the cell


@dataclass
class _Bar:
    """The state of a strategy's bar. trials: the most there will be, None: not known."""

    trials: int | None
    began: float
    done: int = 0
    best: TrialRecord | None = None
    note: str = "compiling"
    seconds: float = 0.0


class ProgressCell(Sink):
    """Progress bars that a notebook shows and redraws; messages appear below them."""

    def __init__(
        self,
        metric: str = "",
        *,
        display: Callable[..., Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """metric: as in ProgressLines; display: IPython's function, which returns a handle."""
        if display is None:
            from IPython.display import display  # type: ignore[import-not-found]
        self._display, self._metric, self._clock = display, metric, clock
        self._bars: dict[str, _Bar] = {}
        self._handle: Any = None
        self._drawn = 0.0

    def begin(self, strategy: str, trials: int | None) -> None:
        self._bars[strategy] = _Bar(trials, self._clock())
        self._draw()

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        lowest = show_number(lowest_loss(metrics))
        count = len(metrics["val_loss"])
        self._bars[strategy].note = f"epoch {epoch} of {count} networks: val_loss {lowest}"
        if self._clock() - self._drawn >= REDRAW_S:
            self._draw()

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        bar = self._bars[record.strategy]
        bar.done += len(record.trials)
        bar.best = better_trial(bar.best, record.trials)
        if not replayed or self._clock() - self._drawn >= REDRAW_S:
            self._draw()

    def end(self, strategy: str, reason: str) -> None:
        self._bars[strategy].note = reason
        self._draw()

    def message(self, text: str) -> None:
        print(text)

    def _draw(self) -> None:
        self._drawn = self._clock()
        for bar in list(self._bars.values())[-1:]:
            bar.seconds = self._drawn - bar.began
        if self._handle is None:
            self._handle = self._display(self, display_id=True)
        else:
            self._handle.update(self)

    def _texts(self, strategy: str, bar: _Bar) -> tuple[str, ...]:
        count = f"{bar.done}/{bar.trials}" if bar.trials else f"{bar.done} trials"
        best = show_best(bar.best, self._metric)
        return strategy, count, f"{bar.seconds:.0f} s", best, bar.note

    def __repr__(self) -> str:
        lines = [self._texts(name, bar) for name, bar in self._bars.items()]
        return "\n".join(", ".join(texts) for texts in lines)

    def _repr_html_(self) -> str:
        rows = []
        for name, bar in self._bars.items():
            first, *others = (f"<td>{escape(text)}</td>" for text in self._texts(name, bar))
            part = f' value="{bar.done}" max="{bar.trials}"' if bar.trials else ""
            shown = f"<td><progress{part}></progress></td>"
            rows.append(f"<tr>{first}{shown}{''.join(others)}</tr>")
        return f"<table>{''.join(rows)}</table>"
