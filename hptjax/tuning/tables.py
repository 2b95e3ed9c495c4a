"""The tables that the plots of a result are made of; pandas is loaded when one is asked for."""

from typing import TYPE_CHECKING

from hptjax.errors import ConfigError, did_you_mean
from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL
from hptjax.records.trial import StudyResult

if TYPE_CHECKING:
    from pandas import DataFrame


def trials(records: StudyResult, name: str) -> "DataFrame":
    """The table that plots of trials are made of."""
    from hptjax.report.runs import runs_table

    return runs_table({name: records})


def epochs(records: StudyResult, name: str) -> "DataFrame":
    """The table that plots of curves are made of."""
    from hptjax.report.runs import epochs_table

    return epochs_table({name: records})


def curve_of(goal: Goal, metric: str | None, table: "DataFrame") -> str:
    """The curve that is drawn: the one asked for, what trials are judged by, or the loss."""
    if metric is None:
        own = [name for name in (goal.name, VAL + goal.name) if name in table]
        return own[0] if own else "val_loss"
    known = [str(name) for name in table if str(name).startswith(("train_", "val_"))]
    if metric not in known:
        raise ConfigError(f"metric: no curve is called {metric!r}; {did_you_mean(metric, known)}")
    return metric
