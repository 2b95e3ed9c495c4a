"""The four strategies, and DES with successive halving, at equal budgets of member-epochs.

    python -m experiments.compare_strategies [--part fashion sample analyze] [--budget 174]
        [--epochs 3] [--seeds 0 1 2] [--runs runs/compare] [--out experiments/results]

Searches the trial-1 space with `hptjax run`, on FashionMNIST (one seed) and on the bundled sample
(three), and writes tables and figures of the results. A member-epoch is one epoch of one network,
so that a budget buys the same on every machine. Each seed has two run directories,
RUNS/PART/full-seed0 and halving-seed0. After an interruption, the same command resumes the runs; a
larger --budget extends finished runs. --part analyze reads the runs that are there. A network is
trained for --epochs; the cost of a network that ended earlier, by the schedule or the budget,
counts, but not its value. Seconds are wall time without compiling.
"""

import argparse
import sys
from pathlib import Path

from hptjax.cli.main import main as hptjax

SOURCES = {"fashion": "fashion_mnist", "sample": "sample"}
BUDGETS = {"fashion": 174, "sample": 261}  # two and three generations of 29 networks, 3 epochs
SEEDS = {"fashion": [0], "sample": [0, 1, 2]}
VARIANTS = {
    "full": ("--strategy", "des", "grid", "random", "tpe"),
    "halving": ("--strategy", "des", "--schedule", "halving"),
}


def search(part: str, args: argparse.Namespace) -> None:
    """Runs, or resumes, the studies of a part."""
    budget = args.budget or BUDGETS[part]
    settings = [f"budget={{member_epochs: {budget}}}", "tensorboard=false"]
    if args.train_limit is not None:
        settings.append(f"data.train_limit={args.train_limit}")
    words = [word for setting in settings for word in ("--set", setting)]
    words += ["--data", SOURCES[part], "--epochs", str(args.epochs)]
    for seed in args.seeds or SEEDS[part]:
        for variant, own in VARIANTS.items():
            folder = args.runs / part / f"{variant}-seed{seed}"
            print(f"{folder}: at most {budget} member-epochs for each strategy", flush=True)
            code = hptjax(
                ["run", "trial1", *words, "--seed", str(seed), "--out", str(folder), *own]
            )
            if code:
                sys.exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = (*SOURCES, "analyze")
    parser.add_argument("--part", nargs="+", choices=parts, default=parts)
    parser.add_argument(
        "--budget",
        type=int,
        metavar="MEMBER_EPOCHS",
        help=f"member-epochs of each strategy; a generation takes 29 x epochs; default: {BUDGETS}",
    )
    parser.add_argument("--epochs", type=int, default=3, help="epochs of a full training")
    parser.add_argument("--seeds", type=int, nargs="+", help=f"default: {SEEDS}")
    parser.add_argument("--train-limit", type=int, help="how many training images to use")
    parser.add_argument("--runs", type=Path, default=Path("runs/compare"))
    parser.add_argument("--out", type=Path, default=Path("experiments/results"))
    args = parser.parse_args()
    for part in SOURCES:
        if part in args.part:
            search(part, args)
    if "analyze" in args.part:
        from experiments.comparison import analyse, original  # loads JAX, which `hptjax` sets up

        args.out.mkdir(parents=True, exist_ok=True)
        for part in SOURCES:
            analyse(part, args.runs / part, args.out)
        original(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
