"""How a result is shown: as a line, and in a notebook with its best trials and a small plot."""

import base64
from collections import Counter
from pathlib import Path
from typing import Protocol

from hptjax import notebook
from hptjax.records.goal import Goal
from hptjax.records.trial import Status
from hptjax.report.console import show_number
from hptjax.tuning.board import Leaderboard
from hptjax.tuning.plots import Plot
from hptjax.tuning.trial import Trial

NEXT = "Next: .best.predict(images), .to_frame(), .plot(), .report()"
ROWS = 10  # rows of the table of the best trials


class Shown(Protocol):
    """The attributes of a result that are shown."""

    @property
    def trials(self) -> tuple[Trial, ...]: ...

    @property
    def best(self) -> Trial | None: ...

    @property
    def test(self) -> dict[str, float | None] | None: ...

    @property
    def metric(self) -> Goal: ...

    @property
    def path(self) -> Path | None: ...

    @property
    def stopped(self) -> str | None: ...

    def leaderboard(self, n: int = 10) -> Leaderboard: ...

    def plot(self) -> Plot: ...


def headline(result: Shown) -> str:
    """A line: `runs/mine: 100 trials, 71 trained, 26 stopped, 3 infeasible`."""
    counts = Counter(trial.status for trial in result.trials)
    told = [f"{counts[status.value]} {status.value}" for status in Status if counts[status.value]]
    where = "" if result.path is None else f"{result.path}: "
    return f"{where}{', '.join([f'{len(result.trials)} trials', *told])}"


def result_html(result: Shown) -> str:
    """The HTML of a result: counts, the best network, the ten best trials, and a plot."""
    best = result.best
    ended = f"; ended by {result.stopped}" if result.stopped else ""
    parts = [notebook.line(f"judged by {result.metric}{ended}")]
    if best is not None:
        size = f", {best.parameters:,} parameters" if best.parameters is not None else ""
        name = result.metric.name
        test = f"; test {_measures(result.test)}" if result.test else ""
        parts.append(notebook.line(f"best {best.id}: {name} {show_number(best.value)}{size}{test}"))
    if result.trials:
        parts += [result.leaderboard(ROWS)._repr_html_(), _picture(result)]
    return notebook.block(f"Result {headline(result)}", *parts, note=NEXT)


def _measures(measures: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {show_number(value)}" for name, value in measures.items())


def _picture(result: Shown) -> str:
    png = base64.b64encode(result.plot()._repr_png_()).decode()
    shown = f"best {result.metric.name} so far"
    return f'<img src="data:image/png;base64,{png}" alt="{shown}" style="width:min(100%,420px)">'
