"""Runs every strategy through an end, a kill, a wall budget and failing candidates.

    python -m experiments.strategies_on_sample [--strategies des tpe ...] [--budget 60]

Runs `hptjax run quickstart` on the bundled sample, in a process for each run. finishes: two
generations end. resumes: killed with SIGKILL after half of that time and started again, the run
gives a trials.csv equal to the undisturbed one's, byte for byte. over budget: the seconds beyond a
wall budget. failing: two generations of a space in which a third of the candidates cannot be built.
The last line of output is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.common import machine, show
from hptjax.records import Status, load_run

STRATEGIES = ("des", "grid", "random", "tpe", "optuna.QMCSampler", "evosax.CMA_ES")
COMMON = ("--epochs", "2", "--schedule", "halving", "--set", "data.train_limit=1500")
COMMON += ("--set", "tensorboard=false")
FAILING = "space.resnet_stride_l0={choices: [1, 2, 14], grid: [1, 2, 14]}"


def hptjax(out: Path, *words: str, kill_after: float | None = None) -> float:
    """Runs `hptjax run quickstart`, which must succeed unless it is killed; returns its seconds."""
    command = [sys.executable, "-m", "hptjax", "run", "quickstart", "--out", str(out), *words]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {errors}")
    return time.perf_counter() - began


def one(strategy: str, budget: float, folder: Path) -> dict[str, object]:
    words = ("--strategy", strategy, *COMMON)
    two = (*words, "--generations", "2")
    seconds = hptjax(folder / "whole", *two)
    hptjax(folder / "killed", *two, kill_after=seconds / 2)
    hptjax(folder / "killed", *two)
    same = len({(folder / name / "trials.csv").read_bytes() for name in ("whole", "killed")}) == 1
    hptjax(folder / "wall", *words, "--set", f"budget={{seconds: {budget}}}")
    wall = load_run(folder / "wall")
    over = sum(record.ledger["wall_s"] for record in wall.generations) - budget
    hptjax(folder / "failing", *two, "--set", FAILING)
    failing = load_run(folder / "failing").trials
    infeasible = sum(trial.status is Status.INFEASIBLE for trial in failing)
    return {
        "finishes, s": round(seconds, 1),
        "resumes the same": same,
        "over budget, s": round(over, 1),
        "generations in it": len(wall.generations),
        "last cut by": wall.generations[-1].cut or "-",
        "failing": f"{infeasible}/{len(failing)}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--budget", type=float, default=60.0)
    args = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    found = {}
    for strategy in args.strategies:
        with tempfile.TemporaryDirectory() as folder:
            found[strategy] = one(strategy, args.budget, Path(folder))
        print(strategy, found[strategy], flush=True)
    print(machine())
    columns = ["strategy", *next(iter(found.values()))]
    rows = [[name, *values.values()] for name, values in found.items()]
    show(f"Strategies on the sample, wall budget {args.budget:.0f} s", columns, rows)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
