"""Parallel coordinates as plain data: each trial is a line through its hparams and its value."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.records.goal import Goal
from hptjax.report.charts import is_numbers, order_of, texts_of, trial_name
from hptjax.report.console import show_number
from hptjax.report.goals import goal_of
from hptjax.report.runs import SERIES

MAP = "viridis"
DARKEST, LIGHTEST = 0.0, 0.82  # the part of the map that is used: its yellow hardly shows on white
INACTIVE = "inactive"  # the tick of trials without a value on an axis
BELOW = 0.12  # the share of an axis for these trials
MOST_TICKS = 12  # on an axis that names each value


def parallel_coordinates(
    trials: pd.DataFrame, hparams: Sequence[str], space: Mapping[str, Entry] | None = None
) -> dict[str, Any]:
    """The chart's data, a line for each trial with a value: axes, names, colours and ends.

    trials: a row for each, with `series`, `number`, `value` and the hparams. space: gives axes
    their ranges and logarithms, if known. An axis has a place from 0 to 1 for each trial, and ticks
    [[place, text], ...]. The best line is drawn last. Colours distinguish the better half: all
    values worse than the median have the lightest colour. ends: the values of the darkest and the
    lightest colour.
    """
    goal, known = goal_of(trials), space or {}
    shown: Any = trials.dropna(subset="value")
    values = shown["value"].astype(float)
    shown = shown.loc[(-goal.sign * values).sort_values(kind="stable").index]
    values = shown["value"].astype(float)
    several = shown[SERIES].nunique() > 1
    names = ([SERIES] if several else []) + list(hparams)
    axes = [_axis(name, shown[name], known.get(name)) for name in names]
    if several:
        axes[0]["label"] = "search"
    axes.append(_number_axis(str(goal), values, None))
    pairs = zip(shown[SERIES], shown["number"], values, strict=True)
    median, best = float(values.median()), float(values.iloc[-1])
    return {
        "axes": axes,
        "names": [
            f"{trial_name(own, number)}: {show_number(value)}" for own, number, value in pairs
        ],
        "colors": _colours(values, median, best),
        "ends": [show_number(best), show_number(median)],
    }


def ramp() -> str:
    """The colours as a CSS gradient, the best one first."""
    return f"linear-gradient(90deg, {', '.join(_shade(k / 4) for k in range(5))})"


def _shade(place: float) -> str:
    return to_hex(mpl.colormaps[MAP](DARKEST + place * (LIGHTEST - DARKEST)))


def _colours(values: pd.Series, median: float, best: float) -> list[str]:
    span = median - best or 1.0
    return [_shade(min(1.0, max(0.0, (value - best) / span))) for value in values]


def _axis(name: str, column: pd.Series, entry: Entry | None) -> dict[str, Any]:
    """The axis of an hparam: by names if not numbers, logarithmic if the space says so."""
    known = column.dropna()
    if isinstance(entry, Categorical) or not is_numbers(known):
        return _names_axis(name, column, entry)
    axis = _number_axis(name, known.astype(float), entry)
    return axis if len(known) == len(column) else _with_inactive(axis, column)


def _names_axis(name: str, column: pd.Series, entry: Entry | None) -> dict[str, Any]:
    known = texts_of(column.dropna(), entry)
    texts = known.reindex(column.index, fill_value=INACTIVE)
    places = {text: k for k, text in enumerate(dict.fromkeys([*order_of(known, entry), *texts]))}
    last = max(1, len(places) - 1)
    return {
        "label": name,
        "at": [round(places[text] / last, 4) for text in texts],
        "ticks": [[round(place / last, 4), text] for text, place in places.items()],
    }


def _with_inactive(axis: dict[str, Any], column: pd.Series) -> dict[str, Any]:
    """An axis of numbers, with a place below them for trials without a value."""
    known = iter(axis["at"])
    inner = [BELOW + (1 - BELOW) * next(known) if there else 0.0 for there in column.notna()]
    ticks = [[round(BELOW + (1 - BELOW) * at, 4), text] for at, text in axis["ticks"]]
    at = [round(place, 4) for place in inner]
    return {"label": axis["label"], "at": at, "ticks": [[0.0, INACTIVE], *ticks]}


def _number_axis(name: str, values: pd.Series, entry: Entry | None) -> dict[str, Any]:
    ends = [float(values.min()), float(values.max())] if len(values) else [0.0, 1.0]
    log = False
    if isinstance(entry, Float | Integer):
        ends, log = [min(ends[0], entry.low), max(ends[1], entry.high)], entry.log
    if isinstance(entry, Integer) and not log and len(entry) <= MOST_TICKS:
        ticks = [float(k) for k in range(entry.low, entry.high + 1, entry.step)]
    else:
        ticks = _log_ticks(*ends) if log else list(np.linspace(ends[0], ends[1], 5))
    scale = math.log10 if log else float
    low, high = scale(ends[0]), scale(ends[1])
    span = high - low or 1.0
    return {
        "label": name,
        "at": [round((scale(value) - low) / span, 4) for value in values],
        "ticks": [[round((scale(tick) - low) / span, 4), show_tick(tick)] for tick in ticks],
    }


def show_tick(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return sorted({low, high, *(10.0**k for k in range(first, last + 1))})


def colour_text(goal: Goal, ends: Sequence[str]) -> tuple[str, str]:
    """The texts beside the two ends of the colours."""
    return f"best, {goal.name} {ends[0]}", f"{ends[1]} (median) and worse"
