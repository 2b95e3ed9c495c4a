"""Pictures to be touched, by plotly: made of tables, shown in the HTML report."""

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.errors import MissingExtraError

HEIGHT = 420  # pixels
LEGEND = 15  # more of them for each name: on a narrow window they stand in a column
MARGIN = {"l": 60, "r": 20, "t": 50, "b": 60}
START = 0.05  # the part of a search whose values may lie outside of the picture at first
MOST_TICKS = 12  # of an axis that names each of its values


def best_so_far(progress: pd.DataFrame, axes: Mapping[str, str], colours: Mapping[str, str]) -> Any:
    """Running minimum of each series; a click in the legend hides or shows one.

    progress: rows in the order of the trials, with `series`, `number`, `value`, `best` and a column
    for each of `axes` {column: label}, between which the reader chooses.
    """
    figure = _plotly("graph_objects").Figure()
    groups = list(progress.groupby("series", sort=False))
    for name, rows in groups:
        figure.add_scatter(
            x=rows[next(iter(axes))],
            y=rows["best"],
            customdata=rows[["number", "value"]],
            name=str(name),
            mode="lines",
            line={"shape": "hv", "color": colours[str(name)], "width": 2},
            hovertemplate="best %{y:.4f} at %{x:.6~g}<br>trial %{customdata[0]}: "
            "%{customdata[1]:.4f}",
        )
    buttons = [
        {
            "label": label,
            "method": "update",
            "args": [{"x": [rows[column] for _, rows in groups]}, {"xaxis.title.text": label}],
        }
        for column, label in axes.items()
    ]
    figure.update_layout(
        _layout(),
        xaxis={"title": next(iter(axes.values())), "rangemode": "tozero", "gridcolor": "#e6e9ed"},
        yaxis={"title": "best value so far", "gridcolor": "#e6e9ed", "range": _range(groups)},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top"},
        height=HEIGHT + LEGEND * len(groups),
        showlegend=True,
        updatemenus=[
            {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
        ],
    )
    return figure


def parallel_coordinates(
    trials: pd.DataFrame,
    hparams: Sequence[str],
    space: Mapping[str, Entry] | None = None,
    value: str = "value",
) -> Any:
    """A line for each trial that has a value, through its hparams; dragging along an axis selects.

    trials: a row each with `series`, a column for each of the hparams, and the value. space: gives
    the axes their ranges and logarithms, as far as it has them. Colours tell the better half apart:
    everything above the median has the last one.
    """
    shown: Any = trials.dropna(subset=[value])  # the checker takes its columns for tables
    known = space or {}
    several = shown["series"].nunique() > 1
    names = (["series"] if several else []) + list(hparams)
    axes = [_axis(name, shown[name], known.get(name)) for name in names]
    values = shown[value].astype(float)
    axes.append({"label": value, "values": values})
    figure = _plotly("graph_objects").Figure()
    figure.add_parcoords(
        dimensions=axes,
        line=_colours(values, value),
        labelfont={"size": 12},
        labelangle=-20,
        labelside="top",
    )
    left = 40 + 7 * max((len(name) for name in shown["series"]), default=0) if several else 70
    figure.update_layout(_layout(), margin={"l": left, "r": 40, "t": 110, "b": 30})
    return figure


def _range(groups: Sequence[tuple[Any, pd.DataFrame]]) -> list[float] | None:
    """What is shown at first: without the bad values that a search starts with."""
    curves = [rows["best"].dropna().to_numpy() for _, rows in groups]
    curves = [curve for curve in curves if curve.size]
    if not curves:
        return None
    low = min(float(curve[-1]) for curve in curves)
    high = max(float(curve[int(START * (curve.size - 1))]) for curve in curves)
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
    if column.map(lambda value: isinstance(value, bool | np.bool_ | str)).all():
        order = entry.choices if isinstance(entry, Categorical) else sorted(set(map(str, column)))
        found = dict.fromkeys(map(str, [*order, *column]))
        places = {choice: k for k, choice in enumerate(found)}
        codes = [places[str(value)] for value in column]
        ticks = {"tickvals": list(places.values()), "ticktext": list(places)}
        return {"label": name, "values": codes, "range": [-0.2, len(places) - 0.8], **ticks}
    values = column.astype(float)
    ends = [float(values.min()), float(values.max())]
    if isinstance(entry, Float | Integer):
        ends = [min(ends[0], entry.low), max(ends[1], entry.high)]
        if entry.log:
            return _log_axis(name, values, *ends)
    axis: dict[str, Any] = {"label": name, "values": values, "range": ends}
    if isinstance(entry, Integer) and len(entry) <= MOST_TICKS:
        axis["tickvals"] = list(range(entry.low, entry.high + 1, entry.step))
    return axis


def _colours(values: pd.Series, name: str) -> dict[str, Any]:
    """Of the lines: negated, because plotly draws what is higher over what is lower."""
    low, high = float(values.min()), float(values.median())
    ticks = np.linspace(low, high, 5)
    bar = {"title": name, "tickvals": -ticks, "ticktext": [f"{tick:.3g}" for tick in ticks]}
    return {
        "color": -values,
        "colorscale": "Viridis_r",
        "cmin": -high,
        "cmax": -low,
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
