"""The tables and plots of a result."""

from typing import TYPE_CHECKING

from hptjax.records.goal import Goal
from hptjax.records.trial import StudyResult
from hptjax.space import Space
from hptjax.tuning import tables
from hptjax.tuning.board import Leaderboard
from hptjax.tuning.plots import Plot, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


class Views:
    """The tables and plots of a result's records; their libraries are loaded at their first use."""

    _records: StudyResult

    @property
    def _name(self) -> str:
        """The name of the run."""
        raise NotImplementedError

    @property
    def metric(self) -> Goal:
        """The metric that judges trials: its `name` and `direction`, "minimize" or "maximize"."""
        return self._records.goal

    def _table(self) -> "DataFrame":
        return tables.trials(self._records, self._name)

    def to_frame(self) -> "DataFrame":
        """Returns a table with a row for each trial.

        Returns:
            The columns of trials.csv: place, value, metrics, hparams, changes. Cells of inactive
            hparams and of missing numbers are empty.
        """
        from hptjax.report.tables import whole_frame  # pandas is slow to import

        return whole_frame(self._records)

    def epochs_frame(self) -> "DataFrame":
        """Returns a table with a row for each trained trial and epoch, from 1.

        Returns:
            The columns of epochs.csv: strategy, number, epoch and the metrics.
        """
        from hptjax.report.tables import epochs_frame

        return epochs_frame(self._records.generations)

    def leaderboard(self, n: int = 10) -> Leaderboard:
        """Returns the best trials, best first; a network that was tried several times appears once.

        Args:
            n: how many trials.

        Returns:
            The leaderboard, which prints as a table; its `to_frame()` returns data.
        """
        names = tuple(self._records.config.get("space", ()))
        return Leaderboard(self._records.trials, self.metric, n, names)

    def plot(self, *, ax: "Axes | None" = None) -> Plot:
        """Draws the best value so far against the number of trials.

        Args:
            ax: matplotlib's axes to draw on; new ones if None.

        Returns:
            The plot, which a notebook shows and `.save(path)` writes.
        """
        from hptjax.report.plots import plot_best_so_far

        return drawn(lambda own: plot_best_so_far(self._table(), own), ax)

    def plot_curves(self, metric: str | None = None, *, ax: "Axes | None" = None) -> Plot:
        """Draws a metric of every trial after each epoch, the best one bold.

        Args:
            metric: the name, such as "val_accuracy"; if None, the study's metric, or the loss.
            ax: as in `plot`.

        Returns:
            The plot, as in `plot`.

        Raises:
            ConfigError: for a metric that has no curve.
        """
        from hptjax.report.plots import plot_learning_curves

        table = tables.epochs(self._records, self._name)
        name = tables.curve_of(self.metric, metric, table)
        direction = self.metric.direction if name.endswith(self.metric.name) else None
        return drawn(lambda own: plot_learning_curves(table, own, name, direction=direction), ax)

    def plot_importances(self, *, ax: "Axes | None" = None) -> Plot:
        """Draws the importance of each hparam for the values, by PED-ANOVA.

        Args:
            ax: as in `plot`.

        Returns:
            The plot, as in `plot`.
        """
        from hptjax.report import hparam_importances
        from hptjax.report.plots import plot_importances

        space = Space.from_dict(self._records.config["space"])
        parts = hparam_importances(self._table(), space)
        return drawn(lambda own: plot_importances(parts, own), ax)

    def plot_parallel(self, *, ax: "Axes | None" = None) -> Plot:
        """Draws each trial as a line through its hparams; good values are dark.

        Args:
            ax: as in `plot`.

        Returns:
            The plot, as in `plot`.
        """
        from hptjax.report.plots import plot_parallel

        return drawn(lambda own: plot_parallel(self._table(), own), ax, 7.0)
