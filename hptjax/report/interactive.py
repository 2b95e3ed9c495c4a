"""Pictures to be touched, by plotly: made of tables, shown in the HTML report."""

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.errors import MissingExtraError
from hptjax.records.goal import Goal
from hptjax.report import numbers
from hptjax.report.goals import goal_of
from hptjax.report.numbers import Axis
from hptjax.report.runs import SERIES

DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}  # of matplotlib, of plotly
HEIGHT = 420  # pixels
LEGEND = 15  # more of them for each name: on a narrow window they stand in a column
MARGIN = {"l": 60, "r": 20, "t": 50, "b": 60}
START = 0.05  # the part of a search whose values may lie outside of the picture at first
INACTIVE = "inactive"  # of a trial that has no value, on an axis
MOST_TICKS = 12  # of an axis that names each of its values


def best_so_far(
    trials: pd.DataFrame, axes: Mapping[Axis, str], looks: Mapping[str, tuple[str, str]]
) -> Any:
    """The running best of each series; a click in the legend hides or shows one.

    trials: as of `join_sources`; axes: {axis: label}, between which the reader chooses; looks:
    colour and line (as of matplotlib) of each series.
    """
    figure = _plotly("graph_objects").Figure()
    first, goal = next(iter(axes)), goal_of(trials)
    curves = {axis: _curves(trials, axis, looks) for axis in axes}
    for name, rows in curves[first].items():
        colour, line = looks[name]
        figure.add_scatter(
            **_shown(rows),
            name=name,
            mode="lines",
            line={"shape": "hv", "color": colour, "width": 2, "dash": DASHES[line]},
        )
    buttons = []
    for axis, label in axes.items():
        shown = [_shown(rows) for rows in curves[axis].values()]
        data = {key: [one[key] for one in shown] for key in (shown[0] if shown else ())}
        args = [data, {"xaxis.title.text": label}]
        buttons.append({"label": label, "method": "update", "args": args})
    groups = list(curves[first].values())
    figure.update_layout(
        _layout(),
        xaxis={"title": axes[first], "rangemode": "tozero", "gridcolor": "#e6e9ed"},
        yaxis={
            "title": f"best {goal.name} so far",
            "gridcolor": "#e6e9ed",
            "range": _range(groups, goal),
        },
        legend={"orientation": "h", "y": -0.22, "yanchor": "top"},
        height=HEIGHT + LEGEND * len(groups),
        showlegend=True,
        updatemenus=[
            {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
        ],
    )
    return figure


def _curves(trials: pd.DataFrame, axis: Axis, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """By series: x, best, and the trial that was it: number, value; empty where nothing is known.

    On all axes but evaluations a row is the end of a generation.
    """
    drawn = numbers.best_so_far(trials.assign(group=trials[SERIES]), axis)
    counted = numbers.counted_values(trials)
    curves = {}
    for name in names:
        rows = drawn.loc[drawn["group"] == name]
        values = counted.loc[trials[SERIES] == name].dropna()
        firsts = values[::-1].drop_duplicates(keep="last")  # the first of equals
        number = pd.Series(trials.loc[firsts.index, "number"].to_numpy(), index=firsts.to_numpy())
        curves[name] = rows.assign(number=rows["best"].map(number))
    return curves


def _shown(rows: pd.DataFrame) -> dict[str, Any]:
    hover = "best %{y:.4f} at %{x:.6~g}<br>of trial %{customdata}"
    return {
        "x": rows["x"].to_numpy(),
        "y": rows["best"].to_numpy(),
        "customdata": rows["number"].to_numpy(),
        "hovertemplate": hover,
    }


def parallel_coordinates(
    trials: pd.DataFrame,
    hparams: Sequence[str],
    space: Mapping[str, Entry] | None = None,
    value: str = "value",
) -> Any:
    """A line for each trial that has a value, through its hparams; dragging along an axis selects.

    trials: a row each with `series`, a column for each of the hparams, and the value. space: gives
    the axes their ranges and logarithms, as far as it has them. Colours tell the better half apart:
    everything worse than the median has the last one.
    """
    goal = goal_of(trials)
    shown: Any = trials.dropna(subset=[value])  # the checker takes its columns for tables
    known = space or {}
    several = shown["series"].nunique() > 1
    names = (["series"] if several else []) + list(hparams)
    axes = [_axis(name, shown[name], known.get(name)) for name in names]
    values = shown[value].astype(float)
    label = goal.name if value == "value" else value
    axes.append({"label": label, "values": values})
    figure = _plotly("graph_objects").Figure()
    figure.add_parcoords(
        dimensions=axes,
        line=_colours(values, label, goal),
        labelfont={"size": 12},
        labelangle=-20,
        labelside="top",
    )
    left = 40 + 7 * max((len(name) for name in shown["series"]), default=0) if several else 70
    figure.update_layout(_layout(), margin={"l": left, "r": 40, "t": 110, "b": 30})
    return figure


def _range(groups: Sequence[pd.DataFrame], goal: Goal) -> list[float] | None:
    """What is shown at first: without the bad values that a search starts with."""
    curves = [rows["best"].dropna().to_numpy() for rows in groups]
    curves = [curve for curve in curves if curve.size]
    if not curves:
        return None
    reached = min(goal.sign * float(curve[-1]) for curve in curves)
    early = max(goal.sign * float(curve[int(START * (curve.size - 1))]) for curve in curves)
    low, high = sorted((goal.sign * reached, goal.sign * early))
    margin = 0.05 * (high - low) or 0.01
    return [low - margin, high + margin]


def as_html(figure: Any, name: str) -> str:
    """The picture as a part of a page that holds plotly.js; name: of the picture."""
    config = {"displaylogo": False, "responsive": True}
    return _plotly("io").to_html(
        figure,
        config=config,
        include_plotlyjs=False,
        full_html=False,
        div_id=f"plot-{name}",
        default_height=f"{figure.layout.height}px",
    )


def script() -> str:
    """The text of plotly.js, to stand once in a page."""
    return _plotly("offline").get_plotlyjs()


def _plotly(module: str) -> Any:
    """A module of plotly, which not every installation has. Raises: MissingExtraError."""
    try:
        return import_module(f"plotly.{module}")
    except ImportError:
        raise MissingExtraError("hptjax report", "plotly", "report") from None


def _layout() -> dict[str, Any]:
    font = {"family": "system-ui, sans-serif", "size": 13, "color": "#1c2733"}
    return {
        "template": "none",
        "height": HEIGHT,
        "margin": MARGIN,
        "font": font,
        "hovermode": "closest",
        "paper_bgcolor": "white",
    }


def _axis(name: str, column: pd.Series, entry: Entry | None) -> dict[str, Any]:
    """An hparam as an axis: what is no number by name, on a logarithm where the space has one."""
    known = column.dropna()
    if known.map(lambda value: isinstance(value, bool | np.bool_ | str)).all():
        order = entry.choices if isinstance(entry, Categorical) else sorted(set(map(str, known)))
        texts = column.astype(object).where(column.notna(), INACTIVE).map(str)
        found = dict.fromkeys([*map(str, order), *texts])
        places = {choice: k for k, choice in enumerate(found)}
        codes = [places[text] for text in texts]
        ticks = {"tickvals": list(places.values()), "ticktext": list(places)}
        return {"label": name, "values": codes, "range": [-0.2, len(places) - 0.8], **ticks}
    axis = _number_axis(name, known.astype(float), entry)
    return axis if len(known) == len(column) else _with_inactive(axis, column.index)


def _with_inactive(axis: dict[str, Any], index: pd.Index) -> dict[str, Any]:
    """An axis of numbers with a place below them for the trials where there is none."""
    low, high = axis["range"]
    below = low - (0.1 * (high - low) or 1.0)
    ticks = axis.get("tickvals", np.linspace(low, high, 5))
    texts = axis.get("ticktext", [f"{tick:.3g}" for tick in ticks])
    return {
        **axis,
        "values": axis["values"].reindex(index, fill_value=below),
        "range": [below, high],
        "tickvals": [below, *ticks],
        "ticktext": [INACTIVE, *texts],
    }


def _number_axis(name: str, values: pd.Series, entry: Entry | None) -> dict[str, Any]:
    ends = [float(values.min()), float(values.max())]
    if isinstance(entry, Float | Integer):
        ends = [min(ends[0], entry.low), max(ends[1], entry.high)]
        if entry.log:
            return _log_axis(name, values, *ends)
    axis: dict[str, Any] = {"label": name, "values": values, "range": ends}
    if isinstance(entry, Integer) and len(entry) <= MOST_TICKS:
        axis["tickvals"] = list(range(entry.low, entry.high + 1, entry.step))
    return axis


def _colours(values: pd.Series, name: str, goal: Goal) -> dict[str, Any]:
    """Of the lines: better is higher, because plotly draws what is higher over what is lower."""
    good = -goal.sign * values
    low, high = float(good.median()), float(good.max())
    ticks = np.linspace(low, high, 5)
    texts = [f"{-goal.sign * tick:.3g}" for tick in ticks]
    bar = {"title": name, "tickvals": ticks, "ticktext": texts}
    return {
        "color": good,
        "colorscale": "Viridis_r",
        "cmin": low,
        "cmax": high,
        "showscale": True,
        "colorbar": {**bar, "thickness": 12},
    }


def _log_axis(name: str, values: pd.Series, low: float, high: float) -> dict[str, Any]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    ticks = sorted({low, high, *(10.0**k for k in range(first, last + 1))})
    return {
        "label": name,
        "values": np.log10(values),
        "range": [math.log10(low), math.log10(high)],
        "tickvals": np.log10(ticks),
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
