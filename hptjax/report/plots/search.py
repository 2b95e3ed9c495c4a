"""Plots of one search, a strategy of a run, generation by generation."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde

from hptjax.errors import ConfigError
from hptjax.records.trial import COUNTED
from hptjax.report.goals import goal_of
from hptjax.report.numbers import (
    best_so_far,
    counted_values,
    generation_statistics,
    survivors,
)
from hptjax.report.plots.style import (
    BAND,
    COLOURS,
    GREY,
    LINES,
    SEQUENCE,
    log_if_wide,
    nothing,
    set_scale,
    styled,
)
from hptjax.report.runs import floats

MOST_RIDGES = 12


def check_one_search(table: pd.DataFrame) -> None:
    """Raises ConfigError unless all rows belong to one strategy of one run."""
    searches = table[["run", "strategy"]].drop_duplicates()
    if len(searches) > 1:
        pairs = zip(searches["strategy"], searches["run"], strict=True)
        names = ", ".join(f"{strategy} of {run}" for strategy, run in pairs)
        raise ConfigError(f"this plot is of one strategy of one run, got {names}; choose its rows.")


@styled
def plot_evaluations(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draws the value of each evaluation in order; every other generation is shaded.

    Filled points are trained trials, hollow ones were stopped by the schedule (with their last
    value), crosses at the upper edge failed. The line is the best so far.
    """
    check_one_search(table)
    if not len(table):
        return nothing(ax)
    rows = table.sort_values("number")
    place = np.arange(1, len(rows) + 1)
    value = rows["value"].to_numpy(float)
    trained = rows["status"].isin(COUNTED).to_numpy()
    _shade(ax, floats(rows, "generation"))
    crowded = 6 if len(rows) > 150 else 12
    ax.scatter(place[trained], value[trained], s=crowded, color=COLOURS[0], lw=0, label="trained")
    stopped = ~trained & ~np.isnan(value)
    if stopped.any():
        ax.scatter(
            place[stopped], value[stopped], s=crowded, facecolors="none", edgecolors=COLOURS[4],
            linewidths=0.6, label="stopped",
        )  # fmt: skip
    failed = np.isnan(value)
    if failed.any():
        ax.scatter(
            place[failed], np.full(failed.sum(), 0.985), s=14, marker="x", color=COLOURS[5],
            linewidths=0.8, transform=ax.get_xaxis_transform(), label="failed", clip_on=False,
        )  # fmt: skip
    ax.step(place, best_so_far(rows)["best"], where="post", color="black", label="best so far")
    ax.set(xlabel="evaluation", ylabel=goal_of(rows).name, xlim=(0.5, len(rows) + 0.5))
    set_scale(ax.yaxis, value)
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), columnspacing=1)
    return ax


def _shade(ax: Axes, generation: np.ndarray) -> None:
    if np.isnan(generation).any():
        return
    edges = np.flatnonzero(np.diff(generation, prepend=np.nan, append=np.nan) != 0)
    for k, (left, right) in enumerate(pairwise(edges)):
        if k % 2:
            ax.axvspan(left + 0.5, right + 0.5, color=BAND, linewidth=0, zorder=0)


@styled
def plot_population_density(table: pd.DataFrame, ax: Axes, *, with_stopped: bool = False) -> Axes:
    """Draws the density of the values of at most twelve generations, the first on top.

    The densities are Gaussian, scaled to one height; the ticks below are the trials. The worst
    hundredth of the values may be cut off.
    """
    check_one_search(table)
    goal = goal_of(table)
    shown = table.assign(counted=counted_values(table, with_stopped=with_stopped))
    shown = shown.dropna(subset=["counted", "generation"])
    if not len(shown):
        return nothing(ax)
    numbers = np.unique(shown["generation"].to_numpy(int))
    chosen = numbers[np.unique(np.linspace(0, len(numbers) - 1, MOST_RIDGES).round().astype(int))]
    colours = mpl.colormaps[SEQUENCE](np.linspace(0.05, 0.85, len(chosen)))
    log = log_if_wide(shown["counted"]) == "log"
    shown["counted"] = np.log10(shown["counted"]) if log else shown["counted"]
    kept = [0.0, 0.99] if goal.sign > 0 else [0.01, 1.0]
    low, high = np.quantile(shown["counted"].to_numpy(float), kept)
    edge = 0.08 * (high - low) or 1e-3
    grid = np.linspace(low - edge, high + edge, 300)
    for k, (number, colour) in enumerate(zip(chosen, colours, strict=True)):
        values = shown.loc[shown["generation"] == number, "counted"].to_numpy(float)
        top = -k + 1.3 * _density(values, grid)
        x = 10**grid if log else grid
        ax.fill_between(x, -k, top, color=colour, alpha=0.75, linewidth=0, zorder=k)
        ax.plot(x, top, color="white", linewidth=0.8, zorder=k)
        values = 10**values if log else values
        ax.plot(values, np.full(len(values), -k - 0.1), "|", color=colour, ms=3, zorder=k)
    ax.set_yticks(-np.arange(len(chosen)), [str(number + 1) for number in chosen])
    set_scale(ax.xaxis, [0.001, 1.0] if log else [1.0])
    ends = 10 ** grid[[0, -1]] if log else grid[[0, -1]]
    ax.set(xlabel=goal.name, ylabel="generation", xlim=ends)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _density(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The density [grid], scaled to a maximum of 1; zeros for fewer than three different values."""
    if len(np.unique(values)) < 3:
        return np.zeros_like(grid)
    quarter, three_quarters = np.quantile(values, [0.25, 0.75])
    sd = values.std(ddof=1)
    width = min(sd, (three_quarters - quarter) / 1.34) or sd  # Silverman's rule, robust to outliers
    density = gaussian_kde(values, 0.9 * width / sd * len(values) ** -0.2)(grid)
    return density / density.max() if density.max() > 0 else density


@styled
def plot_spread(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draws the spread of each generation's points: a line for each hparam, and a black mean.

    The unit is the searched range; the dotted line, 0.29, is a uniform sample.
    """
    check_one_search(table)
    spread = generation_statistics(table)
    names = [name for name in spread if str(name).startswith("spread:")]
    if not names or not len(spread):
        return nothing(ax, "no coordinates to show")
    generation = spread["generation"].to_numpy(int) + 1
    markers = "osv^D<>p"
    for k, name in enumerate(names):
        label = str(name).removeprefix("spread:")
        ax.plot(
            generation, spread[name], label=label, color=COLOURS[k % 8], linestyle=LINES[k % 4],
            marker=markers[k % 8] if len(generation) <= 20 else None, markersize=2.5, linewidth=0.9,
        )  # fmt: skip
    ax.plot(generation, spread["spread"], color="black", linewidth=2, label="mean")
    ax.axhline(12**-0.5, color=GREY, linestyle=":", linewidth=0.8)
    ax.set(xlabel="generation", ylabel="standard deviation / range", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1.0), columnspacing=1)
    return ax


@styled
def plot_halving(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draws how many trials are trained in each epoch, generation after generation.

    The area is the member-epochs; the number above a generation is its best value.
    """
    check_one_search(table)
    alive = survivors(table)
    alive = alive.loc[alive["epoch"] > 0]
    if not len(alive):
        return nothing(ax)
    best = generation_statistics(table).set_index("generation")["best"].to_dict()
    generations = alive.groupby("generation", sort=True)
    start, few = 0, len(generations) <= 8
    for k, (number, rows) in enumerate(generations):
        left, trials = start + floats(rows, "epoch") - 1, floats(rows, "trials")
        ax.bar(left, trials, width=1, align="edge", color=COLOURS[0 if k % 2 else 4])
        if few and not np.isnan(best[number]):
            ax.annotate(
                f"{best[number]:.3f}", (start + len(rows) / 2, trials.max()), (0, 2), ha="center",
                textcoords="offset points", fontsize=7, color=GREY,
            )  # fmt: skip
        start += len(rows)
    ax.set(xlabel="epochs, generation after generation", ylabel="trials in training")
    ax.set(xlim=(0, start), ylim=(0, 1.12 * floats(alive, "trials").max()))
    for locator in (ax.xaxis, ax.yaxis):
        locator.set_major_locator(MaxNLocator(integer=True))
    return ax
