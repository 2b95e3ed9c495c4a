"""The sections of `gpu` that are not benchmarks of their own.

    python -m experiments.benchmarks.gpu_parts machine|startup|study [--quick]

machine: the device, its driver, its memory, and how fast it copies. startup: seconds from a fresh
process to the compiled program of 28 members, with an empty and with a filled cache. study: one
generation of DES in the trial-1 study. Each prints a table and a JSON line.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from hptjax.devices import set_up

from . import startup
from .common import machine, rounded, show, shuffled, training_images, trial1
from .peers.problem import save_problem
from .population import mixed_problem
from .search_overhead import run_quietly

PACKAGES = ("jax", "jaxlib", "jax-cuda13-plugin", "jax-cuda12-plugin", "flax", "numpy", "torch")
GIB, REPEATS = 2**30, 12
MEMBERS = 28


def show_machine(*, quick: bool) -> None:
    device = jax.local_devices()[0]
    memory = (device.memory_stats() or {}).get("bytes_limit")
    size = GIB // 64 if quick else GIB
    found: dict[str, Any] = {
        "device": device.device_kind,
        "devices": len(jax.local_devices()),
        "driver": driver(),
        "host": machine(),
        "versions": {name: own for name in PACKAGES if (own := _version(name))},
        "memory_gib": None if memory is None else memory / GIB,
        "copy_gb_s": copy_rate(size // 4),
    }
    rows = [[name, value] for name, value in found.items() if name != "versions"]
    rows += [[name, own] for name, own in found["versions"].items()]
    show(f"The machine; copy: bytes read and written, of {size >> 20} MiB", ["", "value"], rows)
    print(json.dumps(found))


def copy_rate(count: int) -> float:
    """GB/s, read and written, of the fastest of some copies of float32 numbers."""
    add = jax.jit(lambda x: x + 1)
    x = jax.block_until_ready(add(jnp.zeros(count, jnp.float32)))
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        x = jax.block_until_ready(add(x))
        best = min(best, time.perf_counter() - begin)
    return 1e-9 * 8 * count / best


def driver() -> str | None:
    """The card and its driver, from nvidia-smi; None without it."""
    query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().replace("\n", "; ")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show_startup(*, quick: bool) -> None:
    members = 2 if quick else MEMBERS
    images = shuffled(training_images("sample", None), 0)
    with tempfile.TemporaryDirectory() as folder:
        problem = Path(folder) / "mixed.npz"
        args = argparse.Namespace(members=members, seed=0)
        save_problem(problem, mixed_problem(args, images, 512))
        cold, (warm,) = startup.cold_and_warm(problem, warm_starts=1)
    starts = {"cold": cold, "warm": warm}
    rows = [[name, own["total_s"], own["compile_s"]] for name, own in starts.items()]
    title = f"Fresh process until the program of {members} members is compiled"
    show(title, ["cache", "from start, s", "compiling alone, s"], rows)
    print(json.dumps(starts))


def show_study(*, quick: bool) -> None:
    set_up(compile_cache=False)
    name = training_images("auto", None).name
    source = "fashion_mnist" if "sample" not in name else "sample"
    few = ["strategies=[random]", "population_size=2", "data.train_limit=128"]
    overrides = [
        "budget={generations: 1}",
        f"data.source={source}",
        *(few if quick else ["strategies=[des]"]),
    ]
    result = run_quietly(trial1(overrides))
    ledger = result.generations[0].ledger
    stats = jax.local_devices()[0].memory_stats() or {}
    peak = stats.get("peak_bytes_in_use")
    found = {
        "images": name,
        "members": ledger["members"],
        "samples": ledger["samples"],
        **{name: rounded(ledger[name]) for name in ("train_s", "compile_s", "wall_s")},
        "lanes_over_true_flops": rounded(ledger["lanes_over_true_flops"]),
        "peak_gib": None if peak is None else rounded(peak / GIB),
    }
    show("One generation of the trial-1 study", ["", "value"], list(map(list, found.items())))
    print(json.dumps(found))


PARTS = {"machine": show_machine, "startup": show_startup, "study": show_study}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    PARTS[args.part](quick=args.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
