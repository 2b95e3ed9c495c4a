"""`hptjax run`: runs a study from its YAML file, and shows the leaderboard."""

import argparse
from collections import Counter
from pathlib import Path

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.cli.process import DONE, NO_NETWORK, say
from hptjax.records.trial import Status, StudyResult
from hptjax.report.console import leaderboard, pareto_table, summary_table
from hptjax.report.display import console_display
from hptjax.report.terminal import make_console
from hptjax.study.load import load_study
from hptjax.tuning.file import default_out
from hptjax.tuning.running import run_here


def run(args: argparse.Namespace) -> int:
    """Runs, resumes or extends a study; shows a finished one again.

    Returns NO_NETWORK if there is no best network: a script has nothing to go on with.
    """
    study = load_study(args.config, overrides(args))
    out = args.out or default_out(study, args.config)
    console = make_console()
    result = run_here(study, out, console_display(console))
    show(console, result, out)
    if result.best is None:
        say(failure_text(result))
        return NO_NETWORK
    return DONE


def show(console: Console, result: StudyResult, out: Path) -> None:
    console.print(leaderboard(result.trials, result.goal))
    if len(result.goals) > 1:
        console.print(pareto_table(result.trials, result.goals))
    console.print(summary_table(result.generations, result.stops, result.goal))
    console.print(f"Run directory: {out}", soft_wrap=True)


def failure_text(result: StudyResult) -> str:
    """`not one of 4 trials was trained to the end: 4 diverged.`, and the last one's reason."""
    trials = result.trials
    if not trials:
        return "no network was trained: the budget left no epoch."
    counts = Counter(trial.status for trial in trials)
    told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    reason = next((trial.reason for trial in reversed(trials) if trial.reason), None)
    last = "" if reason is None else f" Of the last one: {reason}"
    return f"not one of {len(trials)} trials was trained to the end: {told}.{last}"
