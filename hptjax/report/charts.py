"""The page's charts as plain data from tables; `assets/charts.js` and `parallel.js` draw them.

A chart of lines or points has views; a menu chooses one of them. A view has an axis x (label, log
or categories), the name of y, and series. A series has a name, colour, dash, x (if left out: 1, 2,
...), y, and texts to show when a point is hovered over. None is a gap.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.records.goal import Goal
from hptjax.records.metrics import Direction, known_direction
from hptjax.report import numbers
from hptjax.report.goals import goal_of
from hptjax.report.numbers import Axis, counted_values
from hptjax.report.runs import SERIES, column, metrics_in

Looks = Mapping[str, tuple[str, str]]
DASHES = {
    "-": None,
    "--": "7 4",
    "-.": "8 3 2 3",
    ":": "2 3",
}  # {matplotlib's line style: SVG's dashes}
DIGITS = 5  # significant digits of a number on a chart
CURVES = 200  # the most learning curves; a longer search shows those of its best trials
TICKED = 5  # curves that are highlighted at first


def best_so_far(trials: pd.DataFrame, axes: Mapping[Axis, str], looks: Looks) -> dict[str, Any]:
    """The running best of each series, against the axis that the reader chooses.

    trials: as in `join_sources`. axes: {axis: label}. looks: {series: (colour, matplotlib's line
    style)}.
    """
    goal, views = goal_of(trials), []
    for axis, label in axes.items():
        series = [
            {**_look(name, looks), **_running(rows)}
            for name, rows in _curves(trials, axis, looks).items()
        ]
        if any(own["y"] for own in series):
            x = {"label": label, "start": 0, "whole": axis != "seconds"}
            views.append({"label": label, "x": x, "y": f"best {goal} so far", "series": series})
    return {"kind": "lines", "step": True, "menu": "against", "goal": goal.direction} | {
        "views": views
    }


def _curves(trials: pd.DataFrame, axis: Axis, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """{series: rows with x, best, and the number of the best trial}; empty if nothing is known.

    On all axes except evaluations, a row is the end of a generation.
    """
    drawn = numbers.best_so_far(trials.assign(group=trials[SERIES]), axis)
    counted = counted_values(trials)
    curves = {}
    for name in names:
        rows = drawn.loc[drawn["group"] == name]
        values = counted.loc[trials[SERIES] == name].dropna()
        firsts = values[::-1].drop_duplicates(keep="last")  # the first of equals
        number = pd.Series(trials.loc[firsts.index, "number"].to_numpy(), index=firsts.to_numpy())
        curves[name] = rows.assign(number=rows["best"].map(number))
    return curves


def _running(rows: pd.DataFrame) -> dict[str, Any]:
    texts = ["" if number != number else f"trial {number:.0f}" for number in rows["number"]]
    return {"x": _plain(rows["x"]), "y": _plain(rows["best"]), "text": texts}


def learning_curves(
    epochs: pd.DataFrame, ranked: pd.DataFrame, goal: Goal, looks: Looks, board: str
) -> dict[str, Any]:
    """The metrics after each epoch, for the CURVES best trials of ranked (a `rank_table`).

    board: the id of the leaderboard; its checkboxes highlight curves.
    """
    order = {key: k for k, key in enumerate(_keys(ranked)[:CURVES])}
    keys = pd.Series(_keys(epochs), index=epochs.index)
    shown: Any = epochs.loc[keys.isin(list(order))].assign(key=keys)
    trials = {str(key): rows.sort_values("epoch") for key, rows in shown.groupby("key", sort=False)}
    names = sorted(trials, key=lambda key: order[key])
    measured = sorted(metrics_in(epochs), key=lambda metric: metric != goal.name)
    views = []
    for metric in measured:
        series = [
            {
                **_look(str(trials[name][SERIES].iloc[0]), looks),
                "group": str(trials[name][SERIES].iloc[0]),
                "name": name,
                "y": _plain(column(trials[name], metric)),
            }
            for name in names
            if column(trials[name], metric).notna().any()
        ]
        if series:
            own = Goal(metric, direction_of(metric, goal))
            x = {"label": "epoch", "whole": True}
            views.append({"label": metric, "x": x, "y": str(own), "series": series})
            views[-1]["goal"] = own.direction
    return {"kind": "lines", "menu": "metric", "board": board, "views": views}


def direction_of(metric: str, goal: Goal) -> Direction:
    """The direction of a metric; an unknown metric counts as a loss."""
    return goal.direction if metric == goal.name else known_direction(metric) or "minimize"


def values_against(
    trials: pd.DataFrame, hparams: Sequence[str], space: Mapping[str, Entry] | None, looks: Looks
) -> dict[str, Any]:
    """The value of each trial against its number, and against each hparam in turn."""
    goal, known = goal_of(trials), space or {}
    counted: Any = trials.assign(shown=counted_values(trials)).dropna(subset="shown")
    views = []
    for name in ("number", *hparams):
        rows = counted.dropna(subset=name)
        if rows[name].map(str).nunique() < 2:
            continue
        label = "trial" if name == "number" else name
        codes, x = _axis_of(rows[name], label, known.get(name))
        series = [
            {
                **_look(own, looks),
                "x": _plain(codes[rows[SERIES] == own]),
                "y": _plain(part["shown"]),
                "text": [f"trial {number:.0f}" for number in part["number"]],
            }
            for own, part in rows.groupby(SERIES, sort=False)
        ]
        views.append({"label": label, "x": x, "y": str(goal), "series": series})
    return {"kind": "points", "menu": "against", "goal": goal.direction, "views": views}


def _axis_of(values: pd.Series, label: str, entry: Entry | None) -> tuple[pd.Series, dict]:
    """Values as numbers, and their axis; values that are not numbers become categories."""
    if is_numbers(values) and not isinstance(entry, Categorical):
        log = isinstance(entry, Float | Integer) and entry.log
        return values.astype(float), {"label": label, **({"log": True} if log else {})}
    texts = texts_of(values, entry)
    names = [name for name in order_of(texts, entry) if name in set(texts)]
    codes = texts.map(lambda text: float(names.index(text)))
    return codes.astype(float), {"label": label, "categories": names}


def texts_of(values: pd.Series, entry: Entry | None) -> pd.Series:
    """Values as text, as their entry has them: a joint table may have 3.0 for the choice 3."""
    choices = entry.choices if isinstance(entry, Categorical) else ()
    written = {choice: str(choice) for choice in choices}
    return values.map(lambda value: written.get(value, str(value)))


def order_of(texts: Iterable[str], entry: Entry | None) -> list[str]:
    """The texts without repeats, in the order of the choices, if there are any."""
    choices = map(str, entry.choices) if isinstance(entry, Categorical) else ()
    return list(dict.fromkeys([*choices, *sorted(set(texts))]))


def is_numbers(values: Iterable[Any]) -> bool:
    """Whether all values are numbers; booleans are not."""
    return all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        for value in values
    )


def _look(name: Any, looks: Looks) -> dict[str, Any]:
    colour, line = looks[str(name)]
    dash = DASHES[line]
    return {"name": str(name), "color": colour, **({"dash": dash} if dash else {})}


def trial_name(series: str, number: int) -> str:
    """The name of a trial on a page: `tpe/57`."""
    return f"{series}/{number}"


def _keys(table: pd.DataFrame) -> list[str]:
    pairs = zip(table[SERIES], table["number"], strict=True)
    return [trial_name(series, number) for series, number in pairs]


def _plain(values: Iterable[Any]) -> list[float | int | None]:
    """Numbers for JSON, with few digits; None for missing ones."""
    return [_number(float(value)) for value in values]


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 2**53 else short


def as_html(chart: Mapping[str, Any], name: str, kind: str = "chart") -> str:
    """The HTML of a chart; kind: the class of its element, `chart` or `parallel`."""
    text = json.dumps(chart, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<div class="{kind}" id="plot-{escape(name)}">'
        f'<script type="application/json">{text}</script></div>'
    )
