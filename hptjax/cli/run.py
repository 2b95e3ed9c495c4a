"""`hptjax run`: a study, from its YAML file to its run directory and leaderboard."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.config.load import find_config
from hptjax.config.model import read_model
from hptjax.errors import ConfigError
from hptjax.ops import native
from hptjax.paths import user_path
from hptjax.records.best import save_best
from hptjax.records.environment import environment, note_environment
from hptjax.records.reader import NAME as JOURNAL
from hptjax.records.run_dir import RunDirectory, load_run, recorded_config
from hptjax.records.trial import StudyResult, TrialRecord
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.progress import ProgressBars, ProgressLines
from hptjax.report.tables import write_tables
from hptjax.report.terminal import make_console
from hptjax.search.judged import judge_best
from hptjax.search.network import notes
from hptjax.search.run import run_study
from hptjax.study.config import StudyConfig
from hptjax.study.data import load_study_data, noted_digests
from hptjax.study.load import load_study
from hptjax.study.metrics import find_metric
from hptjax.study.sink import Sink
from hptjax.study.sinks import SINKS
from hptjax.study.warm_start import warm_started


def run(args: argparse.Namespace) -> int:
    """Runs, resumes or extends a study; a finished one is only shown again."""
    study = load_study(args.config, overrides(args))
    out = args.out or default_out(study, args.config)
    study = warm_started(study, recorded_config(out))
    console = make_console()
    with RunDirectory(out, study.to_dict()) as directory:
        if directory.finished:
            console.print(f"{out}: this run is finished; a larger budget goes on with it.")
            result = load_run(out)
            write_tables(result, out)
            judge_best(out, study, notify=lambda text: console.print(text, soft_wrap=True))
            show(console, result, out)
            return 0
        if directory.resumed:
            console.print(f"{out}: going on with the run that is there.")
        result = execute(study, directory, console)
        judge_best(out, study, notify=lambda text: console.print(text, soft_wrap=True))
    show(console, result, out)
    return 0


def execute(study: StudyConfig, directory: RunDirectory, console: Console) -> StudyResult:
    """Runs the study with everything that a run directory records."""

    def notify(text: str) -> None:
        console.print(text, soft_wrap=True)

    data = load_study_data(study, notify)
    digests = noted_digests(study.data, study.model, data)
    note_environment(directory.path, environment(devices_of(study), kernels=native.available()))

    def on_best(trial: TrialRecord, variables: Any) -> None:
        assert trial.config is not None  # it was trained
        directory.journal.check_place()
        config = read_model(trial.config)
        noted = notes(trial, study, digests, data.train.class_names)
        save_best(directory.best, config, variables, noted)

    with ExitStack() as stack:
        stack.push(lambda kind, error, trace: leave_tables(directory, error))
        sinks = make_sinks(study, directory.path, console, stack)
        return run_study(
            study,
            data,
            journal=directory.journal,
            sinks=sinks,
            on_best=on_best,
            snapshots=directory.path / "snapshots",
        )


def leave_tables(directory: RunDirectory, error: BaseException | None) -> None:
    """Tables of all that the journal holds; error: what ended the study, if not its end."""
    try:
        directory.journal.check_place()
        write_tables(load_run(directory.path), directory.path)
    except (ConfigError, OSError):
        if error is None:  # else it is what the user should read: the disk may be full
            raise


def devices_of(study: StudyConfig) -> list[str]:
    """The devices of this process, if it trains; else they are left to the workers, untouched."""
    if study.executor.name != "local":
        jax.config.update("jax_platforms", "cpu")
        return [f"those of the workers of {study.executor.name}"]
    return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]


def make_sinks(study: StudyConfig, out: Path, console: Console, stack: ExitStack) -> list[Sink]:
    """A bar on a terminal, lines elsewhere; an Optuna journal; TensorBoard's files; the study's."""
    sinks: list[Sink] = []
    metric = find_metric(study.metric, task=study.task)
    if console.is_terminal:
        sinks.append(stack.enter_context(ProgressBars(console, metric.name)))
    else:
        sinks.append(ProgressLines(console.file, metric.name))
    wanted = {"optuna_journal": None, **({"tensorboard": None} if study.tensorboard else {})}
    for name, options in {**wanted, **{sink.name: sink.options for sink in study.sinks}}.items():
        sink: Any = SINKS.find(name, "sinks").open(study, out, options)
        sinks.append(stack.enter_context(sink) if hasattr(sink, "__exit__") else sink)
    return sinks


def show(console: Console, result: StudyResult, out: Path) -> None:
    console.print(leaderboard(result.trials, result.goal))
    console.print(summary_table(result.generations, result.stops, result.goal))
    console.print(f"Run directory: {out}", soft_wrap=True)


def default_out(study: StudyConfig, config: Path) -> Path:
    """The run that wrote the config, or the config's own `out`, or a name that tells runs apart."""
    found = find_config(config)
    if (found.parent / JOURNAL).is_file():
        return found.parent
    if study.out is not None:
        return user_path(study.out)
    return Path("runs") / f"{config.stem}-{'-'.join(study.labels)}-seed{study.seed}"
