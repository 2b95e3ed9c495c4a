"""Plots: functions draw a table on Axes and return them; one style for a paper's column.

    from hptjax.report.plots import new_axes, plot_best_so_far, save_axes
    save_axes(plot_best_so_far(table, new_axes(), "seconds"), "best.png")

`hptjax.report` makes the tables. pyplot is not used; matplotlib is loaded at the first use of a
name.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.report.plots.curves import plot_learning_curves as plot_learning_curves
    from hptjax.report.plots.groups import plot_best_so_far as plot_best_so_far
    from hptjax.report.plots.groups import plot_box as plot_box
    from hptjax.report.plots.groups import plot_ledger as plot_ledger
    from hptjax.report.plots.groups import plot_time_per_evaluation as plot_time_per_evaluation
    from hptjax.report.plots.hparams import plot_importances as plot_importances
    from hptjax.report.plots.hparams import plot_parallel as plot_parallel
    from hptjax.report.plots.hparams import plot_slice as plot_slice
    from hptjax.report.plots.search import plot_evaluations as plot_evaluations
    from hptjax.report.plots.search import plot_halving as plot_halving
    from hptjax.report.plots.search import plot_population_density as plot_population_density
    from hptjax.report.plots.search import plot_spread as plot_spread
    from hptjax.report.plots.style import colours_of as colours_of
    from hptjax.report.plots.style import new_axes as new_axes
    from hptjax.report.plots.style import save_axes as save_axes

__all__ = [
    "colours_of",
    "new_axes",
    "plot_best_so_far",
    "plot_box",
    "plot_evaluations",
    "plot_halving",
    "plot_importances",
    "plot_learning_curves",
    "plot_ledger",
    "plot_parallel",
    "plot_population_density",
    "plot_slice",
    "plot_spread",
    "plot_time_per_evaluation",
    "save_axes",
]

_NAMES = {
    "curves": ("plot_learning_curves",),
    "groups": ("plot_best_so_far", "plot_box", "plot_ledger", "plot_time_per_evaluation"),
    "hparams": ("plot_importances", "plot_parallel", "plot_slice"),
    "search": ("plot_evaluations", "plot_halving", "plot_population_density", "plot_spread"),
    "style": ("colours_of", "new_axes", "save_axes"),
}
_HOMES = {name: f"hptjax.report.plots.{home}" for home, names in _NAMES.items() for name in names}

__getattr__, __dir__ = lazily(__name__, _HOMES)
