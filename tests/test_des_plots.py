"""Plots of DES runs show the numbers that they are given."""

import numpy as np
from matplotlib.figure import Figure

from hptjax.report.plots.des import plot_convergence, plot_population_spread


def test_convergence_shows_median_and_quartiles():
    best = np.array([[4.0, 1.0], [np.inf, 2.0], [8.0, 3.0]])
    ax = plot_convergence(Figure().subplots(), np.array([9, 18]), best)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [8.0, 2.0])
    assert ax.get_yscale() == "linear"  # within a decade
    assert plot_convergence(Figure().subplots(), [9, 18], best**4).get_yscale() == "log"


def test_spread_is_a_line_for_each_coordinate():
    population = np.random.default_rng(0).normal(size=(5, 40, 3)) * [1, 2, 4]
    history = {"nfev": np.arange(5), "population": population}
    ax = plot_population_spread(Figure().subplots(), history)
    np.testing.assert_allclose(ax.lines[2].get_ydata(), population[..., 2].std(1))


def test_spread_of_many_coordinates_has_a_median_and_bears_a_collapsed_one():
    population = np.random.default_rng(0).normal(size=(5, 40, 12)) * np.arange(12)
    ax = plot_population_spread(
        Figure().subplots(), {"nfev": np.arange(5), "population": population}
    )
    assert len(ax.lines) == 13
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), np.median(population.std(1), 1))
    assert np.isnan(ax.lines[0].get_ydata()).all()
