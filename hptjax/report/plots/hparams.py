"""Plots of hparams: parallel coordinates, slices, importances."""

from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from hptjax.errors import ConfigError, did_you_mean
from hptjax.report.goals import goal_of
from hptjax.report.numbers import counted_values
from hptjax.report.plots.style import (
    COLOURS,
    GREY,
    SEQUENCE,
    as_numbers,
    colours_of,
    log_if_wide,
    nothing,
    set_scale,
    styled,
)
from hptjax.report.runs import UNIT, column, hparams_of


@styled
def plot_parallel(
    table: pd.DataFrame, ax: Axes, *, with_stopped: bool = False, most: int = 1000
) -> Axes:
    """Draws each trial as a line through its hparams; good values are dark.

    The numbers at an axis are the lowest and the highest tried values. Axes are logarithmic for
    logarithmic hparams. A line has a gap at an inactive hparam. most: how many of the best trials
    are drawn; the best one is on top.
    """
    values = counted_values(table, with_stopped=with_stopped)
    shown = table.assign(counted=values).dropna(subset="counted")
    names = [name for name in hparams_of(table) if column(shown, name).notna().any()]
    if not len(shown) or not names:
        return nothing(ax)
    goal = goal_of(table)
    shown = shown.sort_values("counted", ascending=goal.sign > 0, kind="stable").head(most)
    shown = shown.iloc[::-1]  # the best one last, on top
    scaled = [_scaled(shown, name) for name in names]
    heights = np.stack([place for place, _ in scaled], axis=1)
    lines = [np.column_stack([np.arange(len(names)), row]) for row in heights]
    cost = shown["counted"].to_numpy(float)
    # the worst tenth shares one colour
    ends = np.quantile(cost, [0.0, 0.9] if goal.sign > 0 else [0.1, 1.0])
    norm = (LogNorm if log_if_wide(ends) == "log" else Normalize)(*ends)
    colours = SEQUENCE if goal.sign > 0 else f"{SEQUENCE}_r"
    alpha = float(np.clip(40 / len(lines), 0.15, 0.8))
    bundle = LineCollection(
        lines, array=cost, cmap=colours, norm=norm, linewidths=0.7, alpha=alpha, rasterized=True
    )
    ax.add_collection(bundle)
    ax.plot(np.arange(len(names)), heights[-1], color=COLOURS[5], linewidth=1.8, label="best")
    _upright_axes(ax, names, [ends for _, ends in scaled])
    bar = ax.get_figure(root=True).colorbar(  # type: ignore[union-attr]
        ScalarMappable(norm, colours), ax=ax, label=goal.name, pad=0.03, aspect=30,
        extend="max" if goal.sign > 0 else "min",
    )  # fmt: skip
    set_scale(bar.ax.yaxis, ends)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.06), borderpad=0)
    return ax


def _upright_axes(ax: Axes, names: list[str], ends: list[tuple[str, str]]) -> None:
    for k, (low, high) in enumerate(ends):
        ax.axvline(k, color=GREY, linewidth=0.6, zorder=3)
        for y, text, where in ((0, low, "top"), (1, high, "bottom")):
            ax.annotate(
                text, (k, y), (0, -3 if y == 0 else 3), textcoords="offset points",
                ha="center", va=where, fontsize=6.5,
            )  # fmt: skip
    ax.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    ax.set(yticks=[], xlim=(-0.2, len(names) - 0.8), ylim=(-0.02, 1.02))
    ax.tick_params(axis="x", length=0, pad=12)
    ax.spines[["left", "bottom"]].set_visible(False)


def _scaled(shown: pd.DataFrame, name: str) -> tuple[np.ndarray, tuple[str, str]]:
    """The heights in [0, 1] of an hparam's values, NaN for missing ones; texts for both ends."""
    known = column(shown, name).notna()
    heights, ends = _known_heights(cast(pd.DataFrame, shown[known]), name)
    everywhere = np.full(len(shown), np.nan)
    everywhere[known.to_numpy()] = heights
    return everywhere, ends


def _known_heights(shown: pd.DataFrame, name: str) -> tuple[np.ndarray, tuple[str, str]]:
    """Does what `_scaled` does if no value is missing."""
    tried = column(shown, name)
    numbers = as_numbers(tried)
    if numbers is not None:
        place = column(shown, f"{UNIT}{name}") if f"{UNIT}{name}" in shown else numbers
        whole = bool((numbers == numbers.round()).all())  # an integer has many coordinates
        if whole or place.isna().any() or numbers.nunique() <= 6:
            place = np.log(numbers) if log_if_wide(numbers) == "log" else numbers
        heights = np.asarray(place, float)
        ends = (_short(numbers.min()), _short(numbers.max()))
    else:
        choices = sorted(set(tried), key=str)
        heights = tried.map(choices.index).to_numpy(float)
        ends = (str(choices[0]), str(choices[-1]))
    width = np.ptp(heights)
    return (heights - heights.min()) / (width if width else 1.0), ends


def _short(number: float) -> str:
    return f"{number:.0f}" if number == round(number) or abs(number) > 10 else f"{number:.2g}"


@styled
def plot_slice(table: pd.DataFrame, ax: Axes, hparam: str, *, with_stopped: bool = False) -> Axes:
    """Draws the values of trials against one hparam; early evaluations are dark, late ones light.

    Raises ConfigError for an unknown hparam.
    """
    if hparam not in hparams_of(table):
        raise ConfigError(
            f"hparam: {hparam!r} is not one; {did_you_mean(hparam, hparams_of(table))}"
        )
    values = counted_values(table, with_stopped=with_stopped)
    shown = table.assign(counted=values).dropna(subset=["counted", hparam])
    if not len(shown):
        return nothing(ax)
    x: Any = column(shown, hparam)
    numbers = as_numbers(x)
    if numbers is None:
        choices = sorted(set(x), key=str)
        ax.set_xticks(range(len(choices)), [str(choice) for choice in choices])
        ax.set_xlim(-0.5, len(choices) - 0.5)
        x = x.map({choice: k for k, choice in enumerate(choices)}).astype(int)
    else:
        x = numbers
        ax.xaxis.set_major_locator(MaxNLocator(5))
        set_scale(ax.xaxis, x)
    points = ax.scatter(
        x, shown["counted"], c=shown["number"] + 1, s=9, cmap=SEQUENCE, linewidths=0.2,
        edgecolors="white", rasterized=True,
    )  # fmt: skip
    ax.set(xlabel=hparam, ylabel=goal_of(table).name)
    set_scale(ax.yaxis, shown["counted"])
    bar = ax.get_figure(root=True).colorbar(points, ax=ax, label="evaluation", pad=0.02, aspect=30)  # type: ignore[union-attr]
    bar.locator = MaxNLocator(4, integer=True)
    return ax


@styled
def plot_importances(importances: pd.DataFrame, ax: Axes) -> Axes:
    """Draws the importance of each hparam for each group, as `hparam_importances` returns them."""
    known = importances.dropna(subset="importance")
    if not len(known):
        return nothing(ax, "too few trials for importances")
    wide = known.pivot(index="hparam", columns="group", values="importance")
    wide = wide[list(dict.fromkeys(known["group"]))]
    wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    colours = colours_of(importances["group"])
    height = 0.8 / len(wide.columns)
    for k, name in enumerate(wide.columns):
        place = np.arange(len(wide)) + (k - (len(wide.columns) - 1) / 2) * height
        trials = known.loc[known["group"] == name, "trials"].iloc[0]
        label = f"{name} ({trials} trials)"
        ax.barh(place, wide[name], height, color=colours[str(name)], label=label)
    ax.set_yticks(np.arange(len(wide)), [str(name) for name in wide.index])
    ax.set_ylim(len(wide) - 0.5, -0.5)
    ax.set(xlabel="importance (of each group in all: 1)", xlim=(0, None))
    ax.tick_params(axis="y", length=0)
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.3, 1.0), columnspacing=1)
    return ax
