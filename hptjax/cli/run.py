"""`hptjax run`: a study, from its YAML file to its run directory and leaderboard."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from hptjax.config.schema import ModelConfig
from hptjax.records.best import save_best
from hptjax.records.run_dir import RunDirectory, load_run
from hptjax.records.trial import StudyResult, TrialRecord
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.progress import ProgressBars, ProgressLines
from hptjax.report.tables import write_tables
from hptjax.report.tensorboard import TensorBoardSink
from hptjax.study.config import StudyConfig
from hptjax.study.load import load_study
from hptjax.study.run import run_study
from hptjax.study.sink import Sink

SHORTHANDS = {
    "strategy": "strategies",
    "data": "data.source",
    "data_dir": "data.data_dir",
    "epochs": "epochs",
    "schedule": "schedule",
    "seed": "seed",
    "augment": "data.augment",
    "generations": "budget.generations",
    "population_size": "population_size",
    "time_budget": "budget.seconds",
}
PIPED_WIDTH = 160  # columns: a table in a log file must not be squeezed into a guessed 80


def run(args: argparse.Namespace) -> int:
    """Runs, resumes or extends a study; a finished one is only shown again."""
    study = load_study(args.config, [*overrides(args), *args.sets])
    out = args.out or default_out(study, args.config)
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    with RunDirectory(out, study.to_dict()) as directory:
        if directory.finished:
            console.print(f"{out}: this run is finished; a larger budget goes on with it.")
            show(console, load_run(out), out)
            return 0
        if directory.resumed:
            console.print(f"{out}: going on with the run that is there.")
        result = execute(study, directory, console)
    show(console, result, out)
    return 0


def execute(study: StudyConfig, directory: RunDirectory, console: Console) -> StudyResult:
    """Runs the study with everything that a run directory records."""

    def on_best(trial: TrialRecord, variables: Any) -> None:
        assert trial.config is not None  # it was trained
        config = ModelConfig.from_dict(trial.config)
        save_best(directory.best, config, variables, summary(trial))

    with ExitStack() as stack:
        # also after Ctrl-C: the tables are of all that the journal holds
        stack.callback(lambda: write_tables(load_run(directory.path).generations, directory.path))
        sinks = make_sinks(study, directory.path, console, stack)
        return run_study(
            study,
            journal=directory.journal,
            sinks=sinks,
            on_best=on_best,
            snapshots=directory.path / "snapshots",
        )


def make_sinks(study: StudyConfig, out: Path, console: Console, stack: ExitStack) -> list[Sink]:
    """A bar on a terminal, lines elsewhere; TensorBoard scalars unless the study wants none."""
    sinks: list[Sink] = []
    if console.is_terminal:
        sinks.append(stack.enter_context(ProgressBars(console)))
    else:
        sinks.append(ProgressLines(console.file))
    if study.tensorboard:
        sinks.append(TensorBoardSink(out / "tb"))
    return sinks


def summary(trial: TrialRecord) -> dict[str, Any]:
    """What best/ notes of its trial."""
    return {
        "strategy": trial.strategy,
        "number": trial.number,
        "value": trial.value,
        "val_loss": trial.last("val_loss"),
        "val_accuracy": trial.last("val_accuracy"),
        "hparams": dict(trial.hparams),
    }


def show(console: Console, result: StudyResult, out: Path) -> None:
    console.print(leaderboard(result.trials))
    console.print(summary_table(result.generations, result.stops))
    console.print(f"Run directory: {out}", soft_wrap=True)


def overrides(args: argparse.Namespace) -> list[str]:
    """The options that stand for a key of the config, in the form of --set."""
    given = {key: getattr(args, option, None) for option, key in SHORTHANDS.items()}
    return [f"{key}={_as_yaml(value)}" for key, value in given.items() if value is not None]


def _as_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def default_out(study: StudyConfig, config: Path) -> Path:
    """The config's own `out`, else a name that tells runs apart."""
    if study.out is not None:
        return Path(study.out)
    return Path("runs") / f"{config.stem}-{'-'.join(study.labels)}-seed{study.seed}"
