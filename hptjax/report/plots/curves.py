"""Learning curves of trials."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from hptjax.records.metrics import Direction, known_direction
from hptjax.report.plots.style import colours_of, frame_y, lines_of, nothing, styled
from hptjax.report.runs import floats

HALO = [withStroke(linewidth=3.2, foreground="white")]


@styled
def plot_learning_curves(
    epochs: pd.DataFrame,
    ax: Axes,
    metric: str = "val_loss",
    *,
    direction: Direction | None = None,
) -> Axes:
    """Draws a metric of every trial after each epoch; the best trial of each group is bold.

    epochs: an `epochs_table`. direction: the direction of a user's own metric. The bold trial is
    the best by this metric among those that were trained longest. The worst fiftieth of the values
    may be cut off.
    """
    rising = (direction or known_direction(metric)) == "maximize"
    shown = epochs.dropna(subset=metric)
    if not len(shown):
        return nothing(ax, "no epoch to show")
    names = list(dict.fromkeys(epochs["group"]))
    colours, lines = colours_of(names), lines_of(names)
    groups = {str(name): rows for name, rows in shown.groupby("group", sort=False)}
    for name, rows in groups.items():
        _thin(ax, rows, metric, colours[name])
    for name, rows in groups.items():
        best = _best(rows, metric, rising=rising)
        ax.plot(
            best["epoch"], best[metric], color=colours[name], linestyle=lines[name], linewidth=1.8,
            marker="o", markersize=3, label=f"{name}, best", path_effects=HALO,
        )  # fmt: skip
    ax.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    frame_y(ax, *np.quantile(floats(shown, metric), [0.02, 1] if rising else [0, 0.98]))
    ax.set_xlim(0.8, floats(shown, "epoch").max() + 0.2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1.0), columnspacing=1)
    return ax


def _thin(ax: Axes, rows: pd.DataFrame, metric: str, colour: str) -> None:
    trials = [
        np.column_stack([floats(trial, "epoch"), floats(trial, metric)])
        for _, trial in rows.groupby(["run", "number"], sort=False)
    ]
    alpha = float(np.clip(20 / len(trials), 0.04, 0.6))
    curves = LineCollection(trials, colors=colour, linewidths=0.5, alpha=alpha, rasterized=True)
    ax.add_collection(curves)
    dots = np.array([trial[-1] for trial in trials])  # where each trial ended
    ax.scatter(*dots.T, s=3, color=colour, alpha=alpha, linewidths=0, rasterized=True)


def _best(rows: pd.DataFrame, metric: str, *, rising: bool) -> pd.DataFrame:
    """The epochs of the best trial of a group."""
    ends = rows.loc[rows["epoch"] == floats(rows, "epoch").max()]
    last = ends.sort_values(metric, ascending=not rising, kind="stable").iloc[0]
    return rows.loc[(rows["run"] == last["run"]) & (rows["number"] == last["number"])]
