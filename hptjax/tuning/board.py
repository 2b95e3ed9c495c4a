"""The best trials of a result, as a table that a terminal and a notebook can show."""

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hptjax import notebook
from hptjax.records.goal import Goal
from hptjax.records.trial import TrialRecord, rank_trials
from hptjax.report.console import leaderboard
from hptjax.report.terminal import PIPED_WIDTH, PlainConsole

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 8  # hparams of the table in a notebook


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """The best trials, best first; a network that was tried several times stands there once.

    It prints as a table, and a notebook shows it as one.

    Attributes:
        trials: all trials of the run, as recorded.
        goal: what they are judged by.
        rows: how many are shown.
        hparams: the names of what was tuned.
    """

    trials: Sequence[TrialRecord]
    goal: Goal
    rows: int
    hparams: Sequence[str]

    def to_frame(self) -> "DataFrame":
        """The table as data.

        Returns:
            A row for each trial, by its rank from 1: trial, status, value, epochs and hparams;
            epoch, where trials are judged by their best one.
        """
        import pandas as pd

        rows = self._rows()
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="rank"))

    @property
    def _chosen(self) -> bool:
        """Whether trials are judged by their best epoch."""
        return any(trial.epoch is not None for trial in self.trials)

    def _rows(self) -> list[dict[str, Any]]:
        ranked = rank_trials(trial for trial in self.trials if trial.duplicate_of is None)
        return [
            {
                "trial": f"{trial.strategy}/{trial.number}",
                "status": trial.status.value,
                self.goal.name: trial.value,
                "epochs": trial.age,
                **({"epoch": trial.epoch} if self._chosen else {}),
                **{name: trial.hparams.get(name) for name in self.hparams},
            }
            for trial in ranked[: self.rows]
        ]

    def __repr__(self) -> str:
        width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns
        # Left alone, rich shows a notebook the table here, beside the page that it asks for, and
        # writes in bold where the environment forces colours, as that of a notebook does.
        options: dict[str, Any] = {"force_jupyter": False, "force_terminal": False}
        console = PlainConsole(file=io.StringIO(), width=width, highlight=False, **options)
        console.print(leaderboard(self.trials, self.goal, self.rows))
        return console.file.getvalue().rstrip()  # type: ignore[attr-defined]

    def _repr_html_(self) -> str:
        left_out = self.hparams[MOST:]
        rows = [
            [rank, *(value for name, value in row.items() if name not in left_out)]
            for rank, row in enumerate(self._rows(), start=1)
        ]
        chosen = ("epoch",) * self._chosen
        shown = ("trial", "status", self.goal.name, "epochs", *chosen, *self.hparams[:MOST])
        more = f"{len(left_out)} more hparams: .leaderboard().to_frame()" if left_out else ""
        return notebook.table(("rank", *shown), rows) + (notebook.line(more) if more else "")
