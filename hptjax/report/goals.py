"""The goals of a table's trials, which decide what "better" means."""

import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal

COLUMNS = ("metric", "direction")


def goals_of(table: pd.DataFrame) -> list[Goal]:
    """The goals of a table's trials, in order; without such columns lower values are better.

    Rows with empty cells have the goal of the others.
    """
    if not set(COLUMNS) <= set(table):
        return [Goal("value")]
    pairs = table[list(COLUMNS)].dropna().drop_duplicates().itertuples(index=False)
    return [Goal(str(name), direction) for name, direction in pairs] or [Goal("value")]


def goal_of(table: pd.DataFrame) -> Goal:
    """The goal of a table; raises ConfigError if several metrics judge its trials."""
    goals = goals_of(table)
    if len(goals) > 1:
        names = ", ".join(goal.name for goal in goals)
        raise ConfigError(
            f"these trials are judged by different metrics ({names}), which are not compared; "
            "choose those of one, table[table['metric'] == 'val_loss']."
        )
    return goals[0]


def best_of(values: pd.Series, goal: Goal) -> float:
    """The best of some values, without NaN; NaN if there are none."""
    return float(values.min() if goal.sign > 0 else values.max())
