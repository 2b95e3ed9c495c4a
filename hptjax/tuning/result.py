"""The result of `hptjax.tune`: the trials of a run, their tables and plots, and their networks."""

import shutil
import weakref
import webbrowser
from pathlib import Path
from typing import Any

from hptjax.config.hparams import bind
from hptjax.data.request import silent
from hptjax.data.sources import MEMORY
from hptjax.errors import ConfigError, shown
from hptjax.models.ensemble import Ensemble
from hptjax.models.network import Network
from hptjax.paths import user_path
from hptjax.records import run_dir
from hptjax.records.pareto import pareto_front
from hptjax.records.trial import GenerationRecord, StudyResult, TrialRecord, best_trial
from hptjax.search.kept import kept_ensemble
from hptjax.search.network import remake
from hptjax.space import Space
from hptjax.transpile.owners import with_conditions
from hptjax.tuning import pages
from hptjax.tuning.images import Images, prepared_data, read_images
from hptjax.tuning.networks import as_network, check_images, kept_network, study_of
from hptjax.tuning.trial import Trial
from hptjax.tuning.views import Views

STOPPED, INTERRUPTED = "stop()", "interrupted"


class Result(Views):
    """The trials of a run, with their networks, tables, plots and report.

    While a run goes on, in its callbacks, it holds the trials so far.

    Attributes:
        best: the best trial; None if no trial was trained to the end.
        trials: all trials, in the order in which the searchers proposed them.
        test: the measures of the best network on the test images; None without test images.
        pareto: the Pareto front of several objectives, best by the metric first.
        ensemble: the kept networks that predict together, with `keep_best` above 1; else None.
        metric: the metric that judges trials: its `name` and `direction`.
        space: the tuned hparams, with the conditions of those that are not always active.
        path: the run's directory; None if no files are kept.
        stopped: why the search ended, such as "trial budget"; None while it goes on.

    Example:
        >>> result.stopped  # of result = hptjax.tune(...)
        'trial budget'
        >>> result.trial(result.best.id) is result.best
        True
        >>> list(result.leaderboard(3).to_frame())
        ['trial', 'status', 'val_loss', 'epochs', 'lr']
    """

    def __init__(
        self,
        records: StudyResult,
        folder: Path,
        *,
        images: Images | None = None,
        kept: bool = True,
    ) -> None:
        """records: the records of the run in the folder. images: the caller's images for it.

        kept: False removes the parent of the folder with the result.
        """
        self._records, self._folder, self._images, self._kept = records, folder, images, kept
        if not kept:
            weakref.finalize(self, shutil.rmtree, folder.parent, ignore_errors=True)
        self._ended: str | None = None
        self._asked_to_stop = False
        self._made: dict[tuple[str, int], Trial] = {}
        self._again: dict[str, Network] = {}

    @property
    def best(self) -> Trial | None:
        """The best trial that was trained to the end; None if there is none."""
        best = best_trial(self._records.trials)
        return None if best is None else self._trial(best)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, in the order in which the searchers proposed them."""
        return tuple(map(self._trial, self._records.trials))

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """The Pareto front: the trials that no other trial beats, best by the metric first."""
        return tuple(map(self._trial, pareto_front(self._records.trials, self._records.goals)))

    @property
    def ensemble(self) -> Ensemble | None:
        """The kept networks that predict best together; None unless the study keeps several."""
        return kept_ensemble(self._folder)

    @property
    def test(self) -> dict[str, float | None] | None:
        """The measures of the best network on the test images, by the task's names.

        The test images are the source's, or those given to `tune`. None if there are none, or
        before the end of the search; a value is None if it is not finite.
        """
        from hptjax.report.best import best_network

        best = best_network(self._folder, self._records)
        return None if best is None or best.test is None else dict(best.test.measures)

    @property
    def space(self) -> Space:
        """The tuned hparams, with the conditions of those that are not always active."""
        study = study_of(self._records.config)
        return with_conditions(study.space, bind(study.space, study.model))

    @property
    def path(self) -> Path | None:
        """The run's directory; None if no files are kept."""
        return self._folder if self._kept else None

    @property
    def stopped(self) -> str | None:
        """Why the search ended, or each of several searchers; None while it goes on."""
        if self._ended is not None:
            return self._ended
        stops = self._records.stops
        if len(set(stops.values())) <= 1:
            return next(iter(stops.values()), None)
        return "; ".join(f"{label}: {reason}" for label, reason in stops.items())

    def trial(self, name: str) -> Trial:
        """Returns one trial by its id.

        Args:
            name: the id, such as "tpe/57".

        Returns:
            The trial.

        Raises:
            ConfigError: if there is no trial with this id.
        """
        return self._trial(self._record(name))

    def report(self, folder: str | Path | None = None, *, open: bool = False) -> Path:
        """Writes an HTML page about the run, which works offline, and its figures.

        Args:
            folder: where to write; `report` in the run's directory if None.
            open: whether to open the page in a browser.

        Returns:
            The path of the page.

        Raises:
            ConfigError: if no trial is recorded yet, or if no files are kept and no folder is
                given.
            MissingExtraError: if an optional package that the page needs is not installed.
        """
        from hptjax.report.html import write_report
        from hptjax.report.sources import named_sources, read_source

        if folder is None and not self._kept:
            raise ConfigError("report: this result keeps no files; give a folder.")
        place = user_path(folder) if folder is not None else self._folder / "report"
        page = write_report(named_sources([read_source(self._folder)]), place)
        if open:
            webbrowser.open(page.resolve().as_uri())
        return page

    def retrain(
        self,
        trial: Trial | str,
        epochs: int | None = None,
        data: Any = None,
    ) -> Network:
        """Trains the network of a trial again, from its recorded random key.

        Trained for its recorded epochs, it gets the same weights, bit by bit on devices like the
        run's.

        Args:
            trial: a trial of this result, or its id, such as "tpe/57".
            epochs: how long to train; a scheduled learning rate runs over these epochs. None: the
                recorded epochs.
            data: the images, (X, y), an ImageDataset or a StudyData. Needed if they were given in
                Python and the result was loaded by `hptjax.load_run`.

        Returns:
            The trained network.

        Raises:
            ConfigError: if the trial was never trained, or if the images are missing or not the
                run's.
        """
        record = self._record(trial)
        study = study_of(self._records.config)
        images = prepared_data(study, self._given(study.data.source, data, study), silent)
        check_images(self._folder, images)
        made = as_network(remake(study, record, images, lambda epoch, metrics: None, epochs))
        if epochs is None:
            self._again[_id(record)] = made
        return made

    def stop(self) -> None:
        """Ends the search after the present generation; for use in callbacks.

        The same call of `tune` resumes it.
        """
        self._asked_to_stop = True

    def _given(self, source: str, data: Any, study: Any) -> Images | None:
        """The images in place of a source; ConfigError if they are needed but not given."""
        if data is not None:
            return read_images(data, None, study.task.kind, study.data.channels, silent)
        if self._images is None and source == MEMORY:
            raise ConfigError(
                "retrain: the images of this run were given in Python; give them again, as in "
                "retrain(trial, data=(X, y))."
            )
        return self._images

    @property
    def _name(self) -> str:
        return self._folder.name

    def _trial(self, record: TrialRecord) -> Trial:
        """The trial of a record; always the same object."""
        key = record.strategy, record.number
        if key not in self._made:
            self._made[key] = Trial(record, self)
        return self._made[key]

    def _record(self, trial: Trial | str) -> TrialRecord:
        name = trial.id if isinstance(trial, Trial) else trial
        for record in self._records.trials:
            if _id(record) == name:
                return record
        ids = [_id(record) for record in self._records.trials]
        held = f"{ids[0]} to {ids[-1]}" if ids else "none yet"
        raise ConfigError(f"trial: there is none {shown(name)}; this result holds {held}.")

    def _network_of(self, record: TrialRecord) -> Network:
        """The network of a trial, if it was kept or trained again."""
        name = _id(record)
        found = self._again.get(name) or kept_network(self._folder, record)
        if found is None:
            if not record.age:
                raise ConfigError(
                    f"trial {name} was never trained: {record.reason or record.status}."
                )
            raise ConfigError(
                f"trial {name}: its weights were not kept; result.retrain({name!r}) trains it "
                "again."
            )
        return found

    def _take(self, record: GenerationRecord) -> None:
        """Adds a generation while the run goes on."""
        old = self._records
        self._records = StudyResult((*old.generations, record), old.stops, old.config)

    def _end(self, records: StudyResult, reason: str | None = None) -> None:
        """Sets the final records; reason: why the run was interrupted, if it was."""
        self._records, self._ended = records, reason

    def __repr__(self) -> str:
        best = self.best
        reached = "" if best is None else f"; best {best.id}: {self.metric.name} {best.value:.4f}"
        return f"<Result {pages.headline(self)}{reached}>"

    def _repr_html_(self) -> str:
        return pages.result_html(self)


def _id(record: TrialRecord) -> str:
    return f"{record.strategy}/{record.number}"


def load_run(path: str | Path) -> Result:
    """Loads the result of a run that `hptjax.tune` or `hptjax run` made, finished or not.

    Args:
        path: the run's directory.

    Returns:
        The result: trials, networks, plots and report.

    Raises:
        ConfigError: if there is no run, or one of another version.
        DataError: if its journal is damaged.

    Example:
        >>> import hptjax
        >>> hptjax.load_run("nowhere")
        Traceback (most recent call last):
        hptjax.errors.ConfigError: nowhere: not a run (it has no journal.jsonl).
    """
    folder = user_path(path)
    return Result(run_dir.load_run(folder), folder)
