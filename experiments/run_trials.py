"""The original study's Run_Trials notebook: its four strategies search trial 1 with equal budgets.

    python -m experiments.run_trials [--source fashion_mnist] [--generations 17 | --seconds 29458]
        [--epochs 1] [--seed 0 1 2] [--out runs/trials]

Each seed gets a run directory, runs/trials/seed0 and so on, which experiments.analyze_trials and
`hptjax report` read. After an interruption, the same command resumes the runs. The original gave
each strategy 29 458 s of a GPU and stopped slow trials of three of them; here no trial is stopped
early. --source sample --train-limit 1000 --generations 1 took 35 s on two busy CPU cores, 13 s of
it compiling; 800 images in an epoch only show that it runs (best losses from 1.21, grid, to 1.73).
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from hptjax import StudyConfig, load_study, run_study
from hptjax.devices import set_up
from hptjax.records import RunDirectory, StudyResult
from hptjax.report.console import summary_table
from hptjax.report.tables import write_tables
from hptjax.study.sink import Sink


class Lines(Sink):
    """Prints a line after each generation."""

    def generation(self, record, *, replayed: bool) -> None:
        best = "-" if record.best is None else f"{record.best.value:.4f}"
        came = "from the journal" if replayed else f"{record.ledger['wall_s']:.1f} s"
        print(
            f"{record.strategy} generation {record.generation + 1}: best {best}, {came}", flush=True
        )


def make_study(
    seed: int,
    source: str = "fashion_mnist",
    epochs: int = 1,
    generations: int = 17,
    seconds: float | None = None,
    train_limit: int | None = None,
) -> StudyConfig:
    """Makes the study of one seed; seconds: a budget for each strategy, instead of generations."""
    settings = {
        "data.source": source,
        "data.train_limit": train_limit,
        "epochs": epochs,
        "seed": seed,
        "budget": {"generations": generations} if seconds is None else {"seconds": seconds},
    }
    return load_study("trial1", [f"{k}={v}" for k, v in settings.items() if v is not None])


def run_one(study: StudyConfig, folder: Path) -> StudyResult:
    """Runs, or resumes, the study of one seed."""
    with RunDirectory(folder, study.to_dict()) as directory:
        result = run_study(
            study, journal=directory.journal, sinks=[Lines()], snapshots=folder / "snapshots"
        )
    write_tables(result, folder)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default="fashion_mnist", help="sample needs no download")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--generations", type=int, default=17)
    parser.add_argument("--seconds", type=float, help="a budget of time instead")
    parser.add_argument("--train-limit", type=int, help="how many training images to use")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("runs/trials"))
    args = parser.parse_args()
    set_up(compile_cache=True)  # a device for each core
    for seed in args.seed:
        study = make_study(
            seed, args.source, args.epochs, args.generations, args.seconds, args.train_limit
        )
        folder = args.out / f"seed{seed}"
        result = run_one(study, folder)
        Console(width=None if sys.stdout.isatty() else 120).print(
            summary_table(result.generations, result.stops, result.goal)
        )
        print(f"Run directory: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
