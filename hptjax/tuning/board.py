"""The leaderboard of a result, a table for terminals and notebooks."""

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

MOST = 8  # the most hparams in a notebook's table


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """The best trials, best first; a network that was tried several times appears once.

    It prints as a table, and a notebook shows a table.

    Attributes:
        trials: all trials of the run, as recorded.
        goal: the metric that judges them, with its direction.
        rows: how many trials are shown.
        hparams: the names of the tuned hparams.
    """

    trials: Sequence[TrialRecord]
    goal: Goal
    rows: int
    hparams: Sequence[str]

    def to_frame(self) -> "DataFrame":
        """Returns the table as data.

        Returns:
            A row for each trial, with the rank from 1 as index: trial, status, value, epochs and
            hparams; also epoch, if trials are judged by their best one.
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
        # By default rich displays the table in a notebook at once, beside the HTML, and writes bold
        # text where the environment forces colours, as in a notebook.
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
