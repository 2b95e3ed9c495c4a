"""Counts the bytes that the device's memory moves in a training step, by Nsight Compute.

    python -m experiments.benchmarks.gpu_bytes [--lanes 12]

Starts itself under `ncu`, which counts the bytes of each kernel in one epoch of three steps. Every
lane trains the widest network of stride 1. The last line is a JSON object with dram_mb, MB per step
and member, which includes the shuffling, augmentation and evaluation of the epoch.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence

from hptjax.errors import ConfigError

from .common import ROOT, rounded, show
from .cuda.driver import Device

STEPS = 3
METRIC = "dram__bytes.sum"


def counted(lanes: int) -> None:
    """Trains one epoch to compile, and one that the profiler sees."""
    from .lanes import prepared

    population = prepared(STEPS, (1, lanes, "default"))["population"]
    gpu = Device()  # JAX's context, in this thread
    gpu.profile(on=True)
    population.advance(1)
    gpu.profile(on=False)


def bytes_of(lines: Iterable[str]) -> tuple[float, int]:
    """The bytes and kernels in the table of `ncu --csv`; other lines are ignored."""
    rows = csv.DictReader(line for line in lines if line.startswith('"'))
    total, kernels = 0.0, 0
    for row in rows:
        if row.get("Metric Name") == METRIC:
            total += float(row["Metric Value"].replace(",", ""))
            kernels += 1
    return total, kernels


def profiler() -> str:
    """The path of ncu; raises ConfigError if there is none."""
    path = shutil.which("ncu") or shutil.which("ncu", path="/usr/local/cuda/bin")
    if path is None:
        raise ConfigError("Nsight Compute counts the bytes, and ncu is not there.")
    return path


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lanes", type=int, default=12)
    parser.add_argument("--counted", action="store_true", help="run as the process that ncu starts")
    args = parser.parse_args(argv)
    if args.counted:
        counted(args.lanes)
        return 0
    options = ["--clock-control", "none", "--profile-from-start", "off", "--csv"]
    options += ["--print-units", "base", "--graph-profiling", "node", "--metrics", METRIC]
    own = [sys.executable, "-m", "experiments.benchmarks.gpu_bytes", "--counted"]
    command = [profiler(), *options, *own, "--lanes", str(args.lanes)]
    env = {**os.environ, "JAX_PLATFORMS": "cuda,cpu", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    total, kernels = bytes_of(done.stdout.splitlines())
    if done.returncode or not kernels:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        raise RuntimeError(f"ncu ended with {done.returncode} and counted {kernels} kernels")
    found = {
        "dram_mb": rounded(1e-6 * total / (STEPS * args.lanes)),
        "kernels_step": kernels / STEPS,
        "lanes": args.lanes,
    }
    show("The widest network of stride 1", list(found), [list(found.values())])
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
