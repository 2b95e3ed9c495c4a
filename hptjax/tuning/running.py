"""Runs a study in its run directory, for both `hptjax run` and `hptjax.tune`."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from hptjax.config.model import read_model
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.executors.base import Executor
from hptjax.ops import native
from hptjax.records.best import save_best
from hptjax.records.environment import environment, note_environment
from hptjax.records.goal import Goal
from hptjax.records.reader import read_run
from hptjax.records.run_dir import RunDirectory, check_digests, load_run, recorded_config
from hptjax.records.trial import StudyResult, TrialRecord
from hptjax.report.display import Display
from hptjax.report.tables import write_tables
from hptjax.search.judged import judge_best
from hptjax.search.kept import keeper_of
from hptjax.search.network import notes
from hptjax.search.run import SearcherFactory, run_study
from hptjax.study.config import StudyConfig
from hptjax.study.data import data_digests, noted_digests
from hptjax.study.metric import Metric
from hptjax.study.objectives import objectives_of
from hptjax.study.sink import Sink
from hptjax.study.sinks import SINKS
from hptjax.study.warm_start import warm_started
from hptjax.tuning.images import Images, prepared_data
from hptjax.tuning.interrupts import Interrupts


@dataclass(frozen=True)
class Given:
    """The objects that a caller in Python gives beside a study's config: no file can hold them.

    images: images in place of the source. test: the test images for the best network. metric,
    executor, searchers: as in `run_study`. sinks: further observers. dashboards: whether an Optuna
    journal and TensorBoard's files are written.
    """

    images: Images | None = None
    test: ImageDataset | None = None
    metric: Metric | None = None
    executor: Executor | None = None
    searchers: Mapping[str, SearcherFactory] | None = None
    sinks: tuple[Sink, ...] = ()
    dashboards: bool = True


NOTHING = Given()


def run_here(
    study: StudyConfig, out: Path, display: Display, given: Given = NOTHING
) -> StudyResult:
    """Runs, resumes or extends a study in its run directory; only reads a finished one.

    Raises ConfigError if the directory holds another study, a run of other images, or other files;
    DataError for damage; KeyboardInterrupt after a snapshot.
    """
    study = _warm_started(study, recorded_config(out))
    with RunDirectory(out, study.to_dict()) as directory:
        if directory.finished:
            _check_images(study, out, display, given)
            display.say(f"{out}: this run is finished; a larger budget goes on with it.")
            result = load_run(out)
            write_tables(result, out)
            judge_best(out, study, test=given.test, notify=display.say)
            return result
        if directory.resumed:
            display.say(f"{out}: going on with the run that is there.")
        result = execute(study, directory, display, given)
        judge_best(out, study, test=given.test, notify=display.say)
        return result


def _warm_started(study: StudyConfig, recorded: Mapping[str, Any] | None) -> StudyConfig:
    """Does what `warm_started` does, also for a caller's own searchers, which no table has."""
    if study.warm_start is None or study.warm_start.resolved:
        return study
    known = warm_started(study.model_copy(update={"strategies": ("random",)}), recorded)
    return study.model_copy(update={"first": known.first, "warm_start": known.warm_start})


def _check_images(study: StudyConfig, out: Path, display: Display, given: Given) -> None:
    """Raises ConfigError if a caller's images are not those of a finished run."""
    if given.images is not None:
        data = prepared_data(study, given.images, display.warn)
        check_digests(out, read_run(out).data, data_digests(data), study.data.source)


def execute(
    study: StudyConfig, directory: RunDirectory, display: Display, given: Given = NOTHING
) -> StudyResult:
    """Runs the study, and records everything in its run directory."""
    data = prepared_data(study, given.images, display.warn)
    digests = noted_digests(study.data, study.model, data)
    note_environment(directory.path, environment(devices_of(study), kernels=native.available()))

    def on_best(trial: TrialRecord, variables: Any) -> None:
        assert trial.config is not None  # it was trained
        directory.journal.check_place()
        config = read_model(trial.config)
        noted = notes(trial, study, digests, data.train.class_names)
        save_best(directory.best, config, variables, noted)

    said = {"check": directory.journal.check_place, "notify": display.say}
    with ExitStack() as stack:
        stack.push(lambda kind, error, trace: leave_tables(directory, error))
        interrupts = stack.enter_context(Interrupts(display.say))
        watching = make_sinks(study, directory.path, display, given, stack)
        return run_study(
            study,
            data,
            journal=directory.journal,
            sinks=[*watching, interrupts],
            on_best=on_best,
            keeper=keeper_of(study, data, directory.kept, digests, **said),
            metric=given.metric,
            executor=given.executor,
            snapshots=directory.path / "snapshots",
            searchers=given.searchers,
            leaving=interrupts.leaving,
        )


def leave_tables(directory: RunDirectory, error: BaseException | None) -> None:
    """Writes the tables of the whole journal; error: the error that ended the study, if any."""
    try:
        directory.journal.check_place()
        write_tables(load_run(directory.path), directory.path)
    except (ConfigError, OSError):
        if error is None:  # otherwise the user should read that error: the disk may be full
            raise


def devices_of(study: StudyConfig) -> list[str]:
    """The devices of this process, if it trains; if not, leaves them to the workers."""
    if study.executor.name != "local":
        jax.config.update("jax_platforms", "cpu")
        return [f"those of the workers of {study.executor.name}"]
    return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]


def make_sinks(
    study: StudyConfig, out: Path, display: Display, given: Given, stack: ExitStack
) -> list[Sink]:
    """The sinks: progress, Optuna journal, TensorBoard's files, and the study's own."""
    sinks = [_entered(display.watch(Goal.from_tree(study.metric).name), stack)]
    wanted: dict[str, Any] = {"optuna_journal": None} if given.dashboards else {}
    wanted |= {"tensorboard": None} if given.dashboards and study.tensorboard else {}
    for word, options in {**wanted, **{sink.name: sink.options for sink in study.sinks}}.items():
        kind: Any = SINKS.find(word, "sinks")
        if word == "optuna_journal" and given.metric is not None:  # the config has only its name
            others = [own.goal for own in objectives_of(study.objectives, study.task)]
            opened = kind(out / "optuna.journal", study.space, given.metric, others)
        else:
            opened = kind.open(study, out, options)
        sinks.append(_entered(opened, stack))
    return [*sinks, *(_entered(sink, stack) for sink in given.sinks)]


def _entered(sink: Any, stack: ExitStack) -> Sink:
    """The sink; a context manager is closed with the study."""
    return stack.enter_context(sink) if hasattr(sink, "__exit__") else sink
