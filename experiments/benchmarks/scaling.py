"""Measures how time and memory grow with the population, on one device and on several.

    python -m experiments.benchmarks.scaling [--members 1 4 16] [--devices 1 2] [--strides 1 2 3]

Each point is a process of its own, on as many cores as it has devices. It trains networks of the
trial-1 space whose first block has one stride, in five bodies, for --rounds epochs after a first
one; their median counts. With more members an epoch has fewer steps (--work member-steps, at least
4 steps for each), and it ends with an evaluation on 64 images. The peaks are resident memory of the
process, including JAX: up to the end of the first epoch, and after it, when the memory of compiling
has been freed. Runs on Linux. The last line of output is one JSON object.
"""

import argparse
import ctypes
import gc
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data import load_images
from hptjax.devices import set_up
from hptjax.population import Member, Population, PopulationTrainer, make_plan

from .common import ROOT, available_cores, epoch_seconds, machine, rounded, show, trial1_problem
from .peers.common import limit_cores
from .peers.engine import useful_flops

MEMBERS = (1, 4, 16, 28, 64, 256, 1024)
LEAST_STEPS, MOST_STEPS, BATCH, BODIES = 4, 48, 64, 5
SHOWN = {
    "members": "members",
    "devices": "cores",
    "ms": "ms per step and member",
    "gflops": "useful GFLOP/s",
    "train_mb": "peak MB, training",
    "compile_mb": "compiling",
    "compile_s": "compile s",
}


def measure(stride: int, members: int, devices: int, args: argparse.Namespace) -> dict[str, Any]:
    """Measures one point in this process."""
    limit_cores(devices)
    set_up(compile_cache=True)
    steps = min(max(args.work // members, LEAST_STEPS), MOST_STEPS)
    configs, plan = networks(stride, members, args.seed)
    images = load_images("sample")
    trainer = PopulationTrainer(
        make_plan(plan, capacity=members, max_bodies=BODIES),
        images.take(np.arange(steps * BATCH)),
        images.take(np.arange(BATCH)),
        seed=args.seed,
        augment=False,
    )
    population = Population.start(trainer, [Member(c, k) for k, c in enumerate(configs)])
    population.advance(1)
    compiling = peak_megabytes()
    forget_peak()
    step = statistics.median(epoch_seconds(population, args.rounds)) / steps  # of all members
    return {
        "stride": stride,
        "members": members,
        "devices": len(trainer.places),
        "ms": rounded(1e3 * step / members),
        "gflops": rounded(1e-9 * useful_flops(configs) * BATCH / step),
        "train_mb": rounded(peak_megabytes()),
        "compile_mb": rounded(compiling),
        "compile_s": rounded(trainer.compile_seconds),
    }


def networks(stride: int, count: int, seed: int) -> tuple[list[ModelConfig], list[ModelConfig]]:
    """Networks of the trial-1 space with one stride, and the configs that plan their bodies."""
    problem, rng = trial1_problem(), np.random.default_rng(seed)
    found: list[ModelConfig] = []
    while len(found) < count:
        hparams = {**problem.space.sample(1, rng)[0], "resnet_stride_l0": stride}
        config = problem.build(hparams).config
        assert config is not None, f"{hparams} cannot be built"
        found.append(config)
    covering = [config for config in problem.cover() if isinstance(config, ModelConfig)]
    return found, [c for c in covering if c.resnet_config.block_list[0].stride == stride]


def peak_megabytes() -> float:
    """The largest resident size of this process; getrusage may give that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget_peak() -> None:
    """Resets the peak, after the memory of compiling has been freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def in_a_process(stride: int, members: int, devices: int) -> dict[str, Any] | None:
    """Measures a point in a fresh process; None, and a printed line, if it failed."""
    point = ",".join(map(str, (stride, members, devices)))
    command = [sys.executable, "-m", "experiments.benchmarks.scaling", "--point", point]
    done = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"stride, members, devices {point}: exit code {done.returncode}, {last}", flush=True)
        return None
    found = json.loads(done.stdout.splitlines()[-1])
    print(*(f"{name} {value}" for name, value in found.items()), sep=", ", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--members", type=int, nargs="+", default=MEMBERS)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--work", type=int, default=600, help="approximate member-steps of an epoch"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--point", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        stride, members, devices = map(int, args.point.split(","))
        print(json.dumps(measure(stride, members, devices, args)))
        return 0
    print(machine())
    if max(args.devices) > available_cores():
        parser.error(f"--devices must be at most the {available_cores()} usable cores")
    found = [
        in_a_process(stride, members, devices)
        for stride in args.strides
        for members in args.members
        for devices in args.devices
        if devices <= members
    ]
    points = [point for point in found if point is not None]
    for stride in args.strides:
        rows = [[p[name] for name in SHOWN] for p in points if p["stride"] == stride]
        show(f"Stride {stride}, batches of {BATCH}", list(SHOWN.values()), rows)
    print(json.dumps({"points": points, "failed": len(found) - len(points)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
