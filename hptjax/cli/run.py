"""`hptjax run`: runs a study from its YAML file, and shows the leaderboard."""

import argparse
from pathlib import Path

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.records.trial import StudyResult
from hptjax.report.console import leaderboard, pareto_table, summary_table
from hptjax.report.display import console_display
from hptjax.report.terminal import make_console
from hptjax.study.load import load_study
from hptjax.tuning.file import default_out
from hptjax.tuning.running import run_here


def run(args: argparse.Namespace) -> int:
    """Runs, resumes or extends a study; shows a finished one again."""
    study = load_study(args.config, overrides(args))
    out = args.out or default_out(study, args.config)
    console = make_console()
    show(console, run_here(study, out, console_display(console)), out)
    return 0


def show(console: Console, result: StudyResult, out: Path) -> None:
    console.print(leaderboard(result.trials, result.goal))
    if len(result.goals) > 1:
        console.print(pareto_table(result.trials, result.goals))
    console.print(summary_table(result.generations, result.stops, result.goal))
    console.print(f"Run directory: {out}", soft_wrap=True)
