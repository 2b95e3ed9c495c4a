"""The part of the page about several objectives: the Pareto front."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from hptjax.records.goal import COSTS, Goal, goals_of_config
from hptjax.report import charts, page
from hptjax.report.charts import Looks
from hptjax.report.runs import SERIES
from hptjax.report.sections import looks
from hptjax.report.sources import Source, View

FRONT = "#d62728"  # the colour of points on the front


def pareto(view: View) -> str:
    """A chart and a table for each run with several objectives; empty if there is none."""
    parts = []
    for k, (name, source) in enumerate(view.sources.items()):
        goals = goals_of_config(source.config)
        if len(goals) < 2:
            continue
        trials = _counted(view.tables.trials, name, goals)
        front = on_front(trials, source)
        if not front.any():
            continue
        where = page.note(f"Run {source.name}.") if len(view.sources) > 1 else ""
        chart = against(trials, front, goals, looks(view.tables.trials))
        chart_html = charts.as_html(chart, f"front{view.suffix}-{k}")
        parts.append(where + chart_html + _table(trials.loc[front], goals, source, view.goal))
    if not parts:
        return ""
    text = (
        "No other trial beats a trial on the front: none is as good by every objective and better "
        "by one."
    )
    return page.note(text) + "".join(parts)


def _counted(trials: pd.DataFrame, run: str, goals: Sequence[Goal]) -> pd.DataFrame:
    """The trained trials of a run with all objectives; a column has the name of the metric."""
    own: Any = trials.loc[(trials["run"] == run) & (trials["status"] == "trained")]
    first, *others = (goal.name for goal in goals)
    return own.assign(**{first: own["value"]}).dropna(subset=[first, *others])


def on_front(trials: pd.DataFrame, source: Source) -> np.ndarray:
    """Whether each row is on the front, bool [N]; of copies, only the first is."""
    places = zip(trials["strategy"], trials["number"], strict=True)
    return np.array([place in source.front for place in places], bool)


def against(
    trials: pd.DataFrame, front: np.ndarray, goals: Sequence[Goal], colours: Looks
) -> dict[str, Any]:
    """The metric against each other objective; trials on the front are a separate series."""
    first, views = goals[0], []
    for other in goals[1:]:
        series = []
        for key, rows in trials.groupby([trials[SERIES], front], sort=False):
            name, on = cast(tuple[Any, Any], key)
            colour, _ = colours[str(name)]
            own = {"name": f"{name}, on the front" if on else str(name)}
            own |= {"color": FRONT if on else colour}
            texts = [f"trial {number:.0f}" for number in rows["number"]]
            points = {"x": rows[other.name].tolist(), "y": rows[first.name].tolist()}
            series.append({**own, **points, "text": texts})
        x = {"label": str(other), **({"log": True} if other.name in COSTS else {})}
        views.append({"label": other.name, "x": x, "y": str(first), "series": series})
    return {"kind": "points", "menu": "against", "goal": first.direction, "views": views}


def _table(front: pd.DataFrame, goals: Sequence[Goal], source: Source, judged: Goal) -> str:
    """The trials of the front, best by the metric first."""
    names = [goal.name for goal in goals]
    ordered = front.sort_values(names[0], ascending=judged.direction == "minimize", kind="stable")
    shown: Any = ordered.rename(columns={SERIES: "search", "number": "trial"})
    columns = ["search", "trial", *names, *(n for n in source.hparams if n in shown)]
    columns = list(dict.fromkeys(columns))
    words = [n for n in columns if not pd.api.types.is_numeric_dtype(shown[n])]
    measured = [name for name in names if name not in COSTS]
    return page.table(columns, page.plain_rows(shown[columns]), text=words, fixed=measured)
