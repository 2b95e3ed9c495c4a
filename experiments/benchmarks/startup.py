"""Measures how long a fresh process takes until the program of a population is compiled.

    python -m experiments.benchmarks.startup problem.npz --began SECONDS

SECONDS is the caller's `time.time()` just before it started this process. `total_s` runs from then
to the end of the first epoch, less the time of a second epoch, which compiles nothing: it includes
interpreter, imports, plan, initial weights and compilation. `compile_s` includes only lowering and
compiling the training program. HPTJAX_COMPILE_CACHE names the cache, empty or filled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .common import ROOT
from .peers.common import Task
from .peers.problem import load_problem

STEPS = 2


def measure(problem: Path, cache: Path) -> dict[str, float]:
    """Starts a process and returns its total_s and compile_s."""
    began = time.time()
    command = [sys.executable, "-m", __spec__.name, str(problem), "--began", repr(began)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "HPTJAX_COMPILE_CACHE": str(cache)}
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def cold_and_warm(problem: Path, warm_starts: int = 3) -> tuple[dict, list[dict[str, float]]]:
    """Measures one start with an empty cache, then some starts with the filled cache."""
    with tempfile.TemporaryDirectory() as cache:
        cold = measure(problem, Path(cache))
        return cold, [measure(problem, Path(cache)) for _ in range(warm_starts)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path)
    parser.add_argument("--began", type=float, required=True)
    args = parser.parse_args(argv)
    from .peers import engine

    prepared = engine.prepare(Task(**{**load_problem(args.problem), "steps": STEPS, "others": ()}))
    ready = time.time()
    result: dict[str, Any] = {"compile_s": prepared.info["compile_s"]}
    result["total_s"] = ready - args.began - prepared.run().seconds
    print(json.dumps(result))


if __name__ == "__main__":
    main()
