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
    """What a result shows of its records; libraries of tables and plots are loaded when used."""

    _records: StudyResult

    @property
    def _name(self) -> str:
        """What the run is called."""
        raise NotImplementedError

    @property
    def metric(self) -> Goal:
        """What trials are judged by: its `name` and `direction`, "minimize" or "maximize"."""
        return self._records.goal

    def _table(self) -> "DataFrame":
        return tables.trials(self._records, self._name)

    def to_frame(self) -> "DataFrame":
        """A row for each trial.

        Returns:
            The columns of trials.csv: place, value, metrics, hparams, what was repaired. Cells
            of inactive hparams and of missing numbers are empty.
        """
        from hptjax.report.tables import whole_frame  # pandas is slow to import

        return whole_frame(self._records)

    def epochs_frame(self) -> "DataFrame":
        """A row for each trained trial and epoch, from 1.

        Returns:
            The columns of epochs.csv: strategy, number, epoch and the metrics.
        """
        from hptjax.report.tables import epochs_frame

        return epochs_frame(self._records.generations)

    def leaderboard(self, n: int = 10) -> Leaderboard:
        """The best trials, best first; a network that was tried several times stands there once.

        Args:
            n: how many.

        Returns:
            A table, which prints as one; its `to_frame()` gives it as data.
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
            metric: its name, as "val_accuracy"; what trials are judged by, or the loss, if None.
            ax: as of `plot`.

        Returns:
            The plot, as of `plot`.

        Raises:
            ConfigError: for a metric that has no curve.
        """
        from hptjax.report.plots import plot_learning_curves

        table = tables.epochs(self._records, self._name)
        name = tables.curve_of(self.metric, metric, table)
        direction = self.metric.direction if name.endswith(self.metric.name) else None
        return drawn(lambda own: plot_learning_curves(table, own, name, direction=direction), ax)

    def plot_importances(self, *, ax: "Axes | None" = None) -> Plot:
        """Draws what part each hparam has in what made values differ, by PED-ANOVA.

        Args:
            ax: as of `plot`.

        Returns:
            The plot, as of `plot`.
        """
        from hptjax.report import hparam_importances
        from hptjax.report.plots import plot_importances

        space = Space.from_dict(self._records.config["space"])
        parts = hparam_importances(self._table(), space)
        return drawn(lambda own: plot_importances(parts, own), ax)

    def plot_parallel(self, *, ax: "Axes | None" = None) -> Plot:
        """Draws each trial as a line through its hparams, dark for good values.

        Args:
            ax: as of `plot`.

        Returns:
            The plot, as of `plot`.
        """
        from hptjax.report.plots import plot_parallel

        return drawn(lambda own: plot_parallel(self._table(), own), ax, 7.0)
