"""What the trials of a table are judged by, so that better is what the metric calls better."""

import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal

COLUMNS = ("metric", "direction")


def goals_of(table: pd.DataFrame) -> list[Goal]:
    """The goals of a table's trials, in their order; without such columns lower values are better.

    Rows that do not tell have the others' goal.
    """
    if not set(COLUMNS) <= set(table):
        return [Goal("value")]
    pairs = table[list(COLUMNS)].dropna().drop_duplicates().itertuples(index=False)
    return [Goal(str(name), direction) for name, direction in pairs] or [Goal("value")]


def goal_of(table: pd.DataFrame) -> Goal:
    """The one goal of a table. Raises: ConfigError where trials are judged by several metrics."""
    goals = goals_of(table)
    if len(goals) > 1:
        names = ", ".join(goal.name for goal in goals)
        raise ConfigError(
            f"these trials are judged by different metrics ({names}), which are not compared; "
            "choose those of one, table[table['metric'] == 'val_loss']."
        )
    return goals[0]


def best_of(values: pd.Series, goal: Goal) -> float:
    """The best of some values, NaN left out; NaN of none."""
    return float(values.min() if goal.sign > 0 else values.max())
