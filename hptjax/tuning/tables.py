"""The tables behind the plots of a result; pandas is loaded only when one is made."""

from typing import TYPE_CHECKING

from hptjax.errors import ConfigError, did_you_mean
from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL
from hptjax.records.trial import StudyResult

if TYPE_CHECKING:
    from pandas import DataFrame


def trials(records: StudyResult, name: str) -> "DataFrame":
    """The table for plots of trials."""
    from hptjax.report.runs import runs_table

    return runs_table({name: records})


def epochs(records: StudyResult, name: str) -> "DataFrame":
    """The table for plots of curves."""
    from hptjax.report.runs import epochs_table

    return epochs_table({name: records})


def curve_of(goal: Goal, metric: str | None, table: "DataFrame") -> str:
    """The name of the curve to draw: the given one, else the study's metric, else the loss."""
    if metric is None:
        own = [name for name in (goal.name, VAL + goal.name) if name in table]
        return own[0] if own else "val_loss"
    known = [str(name) for name in table if str(name).startswith(("train_", "val_"))]
    if metric not in known:
        raise ConfigError(f"metric: no curve is called {metric!r}; {did_you_mean(metric, known)}")
    return metric
