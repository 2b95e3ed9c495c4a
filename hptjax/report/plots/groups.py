"""Plots that compare groups: values, time per evaluation, best so far, parts of the wall time."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from hptjax.records.goal import Goal
from hptjax.report.goals import goal_of
from hptjax.report.numbers import Axis, best_band, best_so_far, counted_values
from hptjax.report.plots.style import (
    COLOURS,
    GREY,
    colours_of,
    frame_y,
    lines_of,
    log_if_wide,
    nothing,
    set_scale,
    styled,
)
from hptjax.report.runs import column, floats

AXIS_LABELS: dict[Axis, str] = {
    "evaluations": "evaluations",
    "member_epochs": "epochs trained, all networks",
    "samples": "images trained on",
    "seconds": "wall time without compiling (s)",
}
PARTS = {
    "compile_s": "compile",
    "train_s": "train",
    "searcher_s": "search",
    "log_s": "record",
    "other_s": "other",
}
MANY = 1.5  # decades; on a linear axis, runs shorter by this factor could not be seen


@styled
def plot_box(table: pd.DataFrame, ax: Axes, *, with_stopped: bool = False) -> Axes:
    """Draws the values of each group as a box (quartiles; whiskers 1.5 IQR) over its trials.

    with_stopped: as in `hptjax.report.numbers`. The labels say how many trials failed.
    """
    values = counted_values(table, with_stopped=with_stopped)
    name = goal_of(table).name
    ax.set_xlabel(name if not with_stopped else f"{name} (stopped trials: their last)")
    return _boxes(table.assign(shown=values), ax)


@styled
def plot_time_per_evaluation(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draws the seconds of each trial, including stopped and failed ones, as a box for each group.

    Trials that were trained together share the time of their generation by epochs. Compiling is
    left out.
    """
    ax.set_xlabel("wall time of an evaluation, without compiling (s)")
    return _boxes(table.assign(shown=table["seconds"]), ax, failures=False)


def _boxes(table: pd.DataFrame, ax: Axes, *, failures: bool = True) -> Axes:
    """Draws horizontal boxes: names of groups are long, and a column is narrow."""
    groups = {str(name): rows for name, rows in table.groupby("group", sort=False)}
    if np.isnan(floats(table, "shown")).all():
        return nothing(ax)
    rng = np.random.default_rng(0)
    labels = []
    for place, ((name, rows), colour) in enumerate(
        zip(groups.items(), colours_of(groups).values(), strict=True)
    ):
        shown = column(rows, "shown").dropna().to_numpy(float)
        height = place + rng.uniform(-0.3, 0.3, len(shown))
        size, alpha = (3, 0.35) if len(shown) > 100 else (8, 0.6)
        ax.scatter(shown, height, s=size, color=colour, alpha=alpha, lw=0, rasterized=True)
        ax.boxplot(
            [shown],
            positions=[place],
            orientation="horizontal",
            widths=0.62,
            showfliers=False,
            medianprops={"color": "black", "linewidth": 1.4},
            boxprops={"linewidth": 0.9},
            whiskerprops={"linewidth": 0.9},
        )
        failed = int(np.isnan(floats(rows, "value")).sum())
        note = f", {failed} failed" if failures and failed else ""
        labels.append(f"{name}\nn = {len(shown)}{note}")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    set_scale(ax.xaxis, table["shown"])
    ax.tick_params(axis="y", length=0)
    return ax


@styled
def plot_best_so_far(
    table: pd.DataFrame,
    ax: Axes,
    axis: Axis = "evaluations",
    *,
    with_stopped: bool = False,
) -> Axes:
    """Draws the best value of each group so far against its cost.

    One run is a line; for several runs, the line is the median, and the band the quartiles. Groups
    with unknown costs are only in the legend. Values worse than all bests after a tenth of the way
    are cut off. The axis is logarithmic if the costs differ widely.
    """
    band = best_band(best_so_far(table, axis, with_stopped=with_stopped))
    if not len(band):
        return nothing(ax)
    goal = goal_of(table)
    names = list(dict.fromkeys(table["group"]))
    colours, lines = colours_of(names), lines_of(names)
    for name in names:
        rows = band.loc[band["group"] == name]
        look: dict[str, Any] = {"color": colours[name], "linestyle": lines[name]}
        if not len(rows):
            ax.plot([], [], label=f"{name} (not told)", **look)
            continue
        x, median, count = (floats(rows, key) for key in ("x", "median", "runs"))
        several = f" ({count[0]:.0f} runs)" if count[0] > 1 else ""
        ax.step(x, median, where="post", label=f"{name}{several}", **look)
        ax.plot(x[-1:], median[-1:], "o", color=colours[name], markersize=3)
        if several:
            low, high = floats(rows, "low"), floats(rows, "high")
            ax.fill_between(x, low, high, step="post", color=colours[name], alpha=0.2, linewidth=0)
    ax.set(xlabel=AXIS_LABELS[axis], ylabel=f"best {goal.name} so far")
    early = [_early(rows, goal) for _, rows in band.groupby("group")]
    reached = floats(band, "low").min() if goal.sign > 0 else floats(band, "high").max()
    frame_y(ax, min(reached, *early), max(reached, *early))
    spent = [floats(rows, "x").max() for _, rows in band.groupby("group")]
    if log_if_wide(spent, decades=MANY) == "log":
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=axis != "seconds"))
    ax.xaxis.set_major_formatter(EngFormatter(sep="", places=None))
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1.0), columnspacing=1)
    return ax


def _early(band: pd.DataFrame, goal: Goal) -> float:
    """The best value after a tenth of the way, by the worse quartile."""
    first, last = band["x"].min(), band["x"].max()
    worse = "high" if goal.sign > 0 else "low"
    return float(band.loc[band["x"] <= first + (last - first) / 10, worse].iloc[-1])


@styled
def plot_ledger(ledger: pd.DataFrame, ax: Axes) -> Axes:
    """Draws the parts of each group's wall time, as means of its runs; ledger: a `ledger_table`."""
    if not len(ledger):
        return nothing(ax, "no generation to show")
    groups = {str(name): rows for name, rows in ledger.groupby("group", sort=False)}
    runs = np.array([len(set(rows["run"])) for rows in groups.values()])
    left = np.zeros(len(groups))
    hatches = ("", "////", "", "....", "")
    for (part, label), colour, hatch in zip(PARTS.items(), COLOURS, hatches, strict=False):
        width = np.array([floats(rows, part).sum() for rows in groups.values()]) / runs
        ax.barh(
            np.arange(len(groups)),
            width,
            left=left,
            height=0.6,
            color=colour if part != "other_s" else "#BBBBBB",
            hatch=hatch,
            edgecolor="white",
            label=label,
        )
        left += width
    for place, total in enumerate(left):
        ax.annotate(
            f"{total:.3g}", (total, place), (2, 0), textcoords="offset points", va="center",
            fontsize=7, color=GREY,
        )  # fmt: skip
    ax.set_yticks(np.arange(len(groups)), list(groups))
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.set_xlim(0, 1.12 * left.max())
    ax.set_xlabel("wall time (s)" + (", mean of the runs" if runs.max() > 1 else ""))
    ax.tick_params(axis="y", length=0)
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax
