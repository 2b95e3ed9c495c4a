"""Plots of DES runs; the caller, who makes the Axes, imports matplotlib."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_convergence(
    ax: "Axes", nfev: np.ndarray, best_so_far: np.ndarray, *, label: str = "DES"
) -> "Axes":
    """Draws the median over several runs of the best value so far, and the band of the quartiles.

    nfev: [G] evaluations; best_so_far: [runs, G]; NaN and infinities mean nothing found yet.
    """
    values = np.where(np.isfinite(best_so_far), best_so_far, np.inf)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0, method="nearest")
    (line,) = ax.plot(nfev, middle, label=label)
    ax.fill_between(nfev, low, high, where=np.isfinite(high), alpha=0.25, color=line.get_color())
    ax.set(xlabel="evaluations", ylabel="best value so far")
    shown = values[np.isfinite(values)]
    # within a decade, a log scale has hardly any ticks
    if shown.size and 0 < 10 * shown.min() < shown.max():
        ax.set_yscale("log")
    ax.legend(frameon=False)
    return ax


def plot_population_spread(
    ax: "Axes", history: Mapping[str, np.ndarray], *, names: Sequence[str] | None = None
) -> "Axes":
    """Draws the standard deviation of each generation, one line for each coordinate.

    history: the history of one `des_minimize(..., history="population")`: nfev [G], population [G,
    L, D]. names: the names of the D coordinates, by default x0, x1 ...; for more than ten
    coordinates the lines are thin and nameless, and their median is drawn over them.
    """
    spread = np.asarray(history["population"], float).std(axis=1)
    spread[spread == 0] = np.nan  # a collapsed coordinate has no place on the log axis
    nfev, dims = history["nfev"], spread.shape[1]
    if dims <= 10:
        for k, coordinate in enumerate(spread.T):
            ax.plot(nfev, coordinate, label=names[k] if names else f"x{k}")
    else:
        ax.plot(nfev, spread, color="tab:blue", alpha=0.3, linewidth=0.8)
        middle = np.median(np.nan_to_num(spread), axis=1)
        ax.plot(nfev, middle, color="black", label=f"median of {dims} coordinates")
    ax.set(xlabel="evaluations", ylabel="standard deviation of the population", yscale="log")
    ax.legend(frameon=False, ncols=1 if dims <= 4 or dims > 10 else 2)
    return ax
