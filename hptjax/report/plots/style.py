"""The style of all plots: colours, sizes, and Axes as wide as a paper's column, without pyplot."""

import re
from collections.abc import Callable, Iterable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogFormatter

P = ParamSpec("P")
R = TypeVar("R")

_DOLLAR = re.compile(r"(?<!\\)\$")
COLUMN = 3.3  # inches
# Okabe and Ito 2008: distinct for any kind of colour vision; black is kept for marks.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F", "#B8A900")
LINES = ("-", "--", "-.", ":")
SEQUENCE = "viridis"  # for ordered values
BAND, GREY = "#EEEEEE", "#777777"
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=COLOURS),
    "lines.linewidth": 1.2,
    "patch.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def styled(plot: Callable[P, R]) -> Callable[P, R]:
    """Makes a plot function draw in this style, whatever the caller's style, without formulas."""

    @wraps(plot)
    def draw(*args: P.args, **kwargs: P.kwargs) -> R:
        plain: Any = [_without_formulas(value) for value in args]
        named: dict[str, Any] = {name: _without_formulas(value) for name, value in kwargs.items()}
        with mpl.rc_context(STYLE):
            return cast(Any, plot)(*plain, **named)

    return draw


def _without_formulas(value: Any) -> Any:
    """A table with `$` escaped in texts: matplotlib reads a formula between two of them."""
    if not isinstance(value, pd.DataFrame):
        return value
    texts = {
        str(name): column.map(
            lambda cell: _DOLLAR.sub(r"\$", cell) if isinstance(cell, str) else cell
        )
        for name, column in value.items()
        if column.dtype.kind == "O" and any("$" in str(cell) for cell in column)
    }
    return value.assign(**texts) if texts else value


@styled
def new_axes(height: float = 2.3, width: float = COLUMN) -> Axes:
    """Axes of a new figure, in inches; `axes.figure` is the figure."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


@styled
def save_axes(ax: Axes, path: str | Path) -> Path:
    """Writes the figure of Axes to a png, svg or pdf file, by its suffix; always the same bytes."""
    path = Path(path)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "hptjax"}):
        ax.get_figure(root=True).savefig(path, metadata=dates.get(path.suffix))  # type: ignore
    return path


@styled
def png_of(ax: Axes) -> bytes:
    """The figure of Axes as PNG bytes, for pages."""
    png = BytesIO()
    ax.get_figure(root=True).savefig(png, format="png")  # type: ignore
    return png.getvalue()


def colours_of(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each group, in order of appearance; they repeat after eight."""
    return {g: COLOURS[k % len(COLOURS)] for k, g in enumerate(dict.fromkeys(groups))}


def lines_of(groups: Iterable[str]) -> dict[str, str]:
    """A line style for each group: groups differ in print, and from others of the same colour."""
    names = enumerate(dict.fromkeys(groups))
    return {g: LINES[(k + k // len(COLOURS)) % len(LINES)] for k, g in names}


def log_if_wide(values: Any, *, decades: float = 0.7) -> str:
    """Returns "log" if all values are positive and span more than `decades`, else "linear"."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not finite.size or finite.min() <= 0:
        return "linear"
    return "log" if np.log10(finite.max() / finite.min()) > decades else "linear"


def set_scale(axis: Axis, values: Any) -> None:
    """Makes an axis logarithmic if values span decades; ticks are 40, not 4 x 10^1."""
    if log_if_wide(values) == "log":
        axes = axis.axes
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
        axis.set_major_formatter(PlainLog())
        axis.set_minor_formatter(PlainLog(minor_thresholds=(1.5, 0.5)))


def frame_y(ax: Axes, low: float, high: float) -> None:
    """Sets limits and scale of the y axis for a range; does nothing for a single value."""
    set_scale(ax.yaxis, [low, high])
    if high > low and ax.get_yscale() == "log":
        margin = (high / low) ** 0.06
        ax.set_ylim(low / margin, high * margin)
    elif high > low:
        ax.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))


class PlainLog(LogFormatter):
    """Formats matplotlib's ticks as 0.4 and 40."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def as_numbers(values: pd.Series) -> pd.Series | None:
    """A column as floats; None if it holds names, or booleans only."""
    kinds = {type(value.item() if isinstance(value, np.generic) else value) for value in values}
    return values.astype(float) if kinds <= {int, float, bool} and kinds != {bool} else None


def nothing(ax: Axes, text: str = "no trial to show") -> Axes:
    """Empties the Axes and says why."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=ax.transAxes)
    return ax
