"""Runs hptjax and PyTorch with Optuna in turn on one space, and prints a table of both.

    python -m experiments.spaces keras_cnn --rounds 3
    python -m experiments.spaces optuna_mlp --trials 40 --epochs 5 --forms processes threads

Both train on the same images, as many networks for as many epochs, proposed by the same sampler,
Optuna's TPE; every run is a process of its own, and who begins changes from round to round. A round
has a seed of its own, of the split, too. --torch-python: of an environment that has torch and
optuna; by default that of this program. Options that are left out are the config's. The last line
of output is one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hptjax.study import StudyConfig, load_study

from ..benchmarks.common import machine
from . import ours
from .arrays import write_arrays
from .table import ROOT, SPACES, WORKERS, Space

Run = dict[str, Any]
COLUMNS = (
    *("way", "whole process s", "search s", "of it compiling s", "without compiling s"),
    *("best val_accuracy", "its test accuracy"),
)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.spaces")
    parser.add_argument("name", choices=SPACES)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--train-limit", type=int, help="images, validation included")
    parser.add_argument("--data", help="a source instead of the config's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forms", nargs="*", choices=WORKERS, default=["processes"])
    parser.add_argument("--no-ours", action="store_true", help="PyTorch alone")
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--output", type=Path, help="JSON file for all that was measured")
    return parser.parse_args(argv)


def main() -> int:
    args = parse()
    print(f"{machine()}\n", flush=True)
    runs, study, sizes = compare(args)
    print(f"\n{title(args, study, sizes)}\n\n{table(runs)}\n")
    report = {"machine": machine(), "space": args.name, "runs": runs}
    if args.output:
        args.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))
    return 0


def compare(
    args: argparse.Namespace,
) -> tuple[dict[str, list[Run]], StudyConfig, Mapping[str, int]]:
    """The runs of all ways round by round, what they search, and how many images they have."""
    space, sizes = SPACES[args.name], {}
    with tempfile.TemporaryDirectory() as folder:
        overrides = given(args, space, Path(folder))
        study = load_study(space.config, overrides)
        ways = ([] if args.no_ours else ["hptjax"]) + [f"torch {form}" for form in args.forms]
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        for k in range(args.rounds):
            arrays = Path(folder) / f"arrays{k}.npz"
            sizes = write_arrays(space.config, [*overrides, f"seed={k}"], arrays)
            for way in ways[k % len(ways) :] + ways[: k % len(ways)]:
                run = measure(way, space, study, overrides, arrays, k, args.torch_python)
                print(f"round {k}, {way}: {json.dumps(run)}", flush=True)
                runs[way].append(run)
    return runs, study, sizes


def given(args: argparse.Namespace, space: Space, folder: Path) -> list[str]:
    """The options as overrides of the config, and its images where a script makes them."""
    overrides = ["tensorboard=false"]  # PyTorch writes no such files either
    if args.data is not None:
        overrides.append(f"data.source={args.data}")
    elif space.made_by is not None:
        path = folder / f"{space.name}.npz"
        script = ROOT / "experiments" / f"{space.made_by}.py"
        subprocess.run([sys.executable, str(script), str(path)], check=True)
        overrides.append(f"data.source=npz:{path}")
    if args.train_limit is not None:
        overrides.append(f"data.train_limit={args.train_limit}")
    if args.epochs is not None:
        overrides.append(f"epochs={args.epochs}")
    if args.trials is not None:
        population = load_study(space.config).population_size
        overrides.append(f"budget.trials={args.trials}")
        overrides.append(f"population_size={min(population, args.trials)}")
    return overrides


def measure(
    way: str,
    space: Space,
    study: StudyConfig,
    overrides: Sequence[str],
    arrays: Path,
    seed: int,
    python: str,
) -> Run:
    """One run in a process of its own."""
    if way == "hptjax":
        return ours.search(space, overrides, seed)
    assert study.budget.trials is not None
    command = [python, "-m", "experiments.spaces.peer", space.name, str(arrays)]
    command += ["--trials", str(study.budget.trials), "--epochs", str(study.epochs)]
    command += ["--seed", str(seed), "--form", way.split()[1], "--layout", space.layout]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True
    )
    whole = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{space.name}: the peer ended with {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    return {"whole_s": whole - told["test_s"], "compile_s": 0.0, **told}  # ours is tested later


def title(args: argparse.Namespace, study: StudyConfig, sizes: Mapping[str, int]) -> str:
    return (
        f"{args.name}: {study.budget.trials} trials of {study.epochs} epochs of {sizes['epoch']} "
        f"images, {sizes['validation']} for validation; medians of {args.rounds} rounds."
    )


def table(runs: Mapping[str, Sequence[Run]]) -> str:
    """In Markdown: a row of medians for each way, and one of PyTorch's seconds over hptjax's."""
    rows = [[way, *figures(own)] for way, own in runs.items()]
    for way in runs:
        if "hptjax" in runs and way != "hptjax":
            rows.append([f"{way} / hptjax", *ratios(runs[way], runs["hptjax"])])
    lines = [COLUMNS, ("-",) * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(runs: Sequence[Run]) -> list[str]:
    seconds = [f"{statistics.median(row):.1f}" for row in zip(*map(seconds_of, runs), strict=True)]
    return [*seconds, *(_accuracy([run[name] for run in runs]) for name in ("best", "test"))]


def seconds_of(run: Run) -> tuple[float, float, float, float]:
    search, compiling = run["search_s"], run["compile_s"]
    return run["whole_s"], search, compiling, search - compiling


def ratios(above: Sequence[Run], below: Sequence[Run]) -> list[str]:
    """Medians of the ratios round by round: what slows a whole round down cancels."""
    rows = [
        [a / b if b else float("nan") for a, b in zip(seconds_of(up), seconds_of(low), strict=True)]
        for up, low in zip(above, below, strict=True)
    ]
    whole, search, _, without = (statistics.median(column) for column in zip(*rows, strict=True))
    return [f"{whole:.2f}", f"{search:.2f}", "", f"{without:.2f}", "", ""]


def _accuracy(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.4f}" if known else "-"


if __name__ == "__main__":
    sys.exit(main())
