"""Plots of DES runs; matplotlib is imported by whoever makes the Axes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_convergence(
    ax: "Axes", nfev: np.ndarray, best_so_far: np.ndarray, *, label: str = "DES"
) -> "Axes":
    """Draws the median of several runs' best value, and the band between the quartiles.

    nfev: [G] evaluations; best_so_far: [runs, G], NaN and infinities = nothing found yet.
    """
    values = np.where(np.isfinite(best_so_far), best_so_far, np.inf)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0, method="nearest")
    (line,) = ax.plot(nfev, middle, label=label)
    ax.fill_between(nfev, low, high, where=np.isfinite(high), alpha=0.25, color=line.get_color())
    ax.set(xlabel="evaluations", ylabel="best value so far")
    if np.min(values) > 0:
        ax.set_yscale("log")
    ax.legend(frameon=False)
    return ax


def plot_population_spread(ax: "Axes", history: Mapping[str, np.ndarray]) -> "Axes":
    """Draws each generation's standard deviation, one line for each coordinate.

    history: that of a single `des_minimize(..., history="population")`: nfev [G], population
    [G, L, D].
    """
    spread = np.asarray(history["population"]).std(axis=1)
    for k, coordinate in enumerate(spread.T):
        ax.plot(history["nfev"], coordinate, label=f"x{k}")
    ax.set(xlabel="evaluations", ylabel="standard deviation of the population", yscale="log")
    if spread.shape[1] <= 10:
        ax.legend(frameon=False, ncols=2)
    return ax
