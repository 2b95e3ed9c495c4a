"""Runs one study under many circumstances: its trials.csv must be the same file each time.

    python -m experiments.same_trials quickstart
    python -m experiments.same_trials trial1 --set data.source=sample --set budget.generations=1

Each circumstance is a process of its own: cores, Ray's workers, the order of the strategies, JAX's
random generator, its float64 switch. Prints the SHA-256 of each table, with its rows sorted, and
exits with 1 if two differ. Ray is started only with --ray. It takes about 40 s a line on two cores.
"""

import argparse
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ORDER = ("des", "grid", "random", "tpe")
GENERATORS = ("threefry2x32", "rbg", "unsafe_rbg")


@dataclass(frozen=True)
class Circumstance:
    """How a study is run: further arguments of `hptjax run`, and environment variables."""

    name: str
    arguments: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    order: Sequence[str] = ORDER


def circumstances(ray: bool) -> Iterator[Circumstance]:
    for cores in range(1, 1 + (os.cpu_count() or 1)):
        yield Circumstance(f"{cores} core(s)", settings={"NPROC": str(cores)})
    yield Circumstance("5 threads", settings={"NPROC": "5"})
    yield Circumstance("strategies backwards", order=ORDER[::-1])
    settings = [("JAX_DEFAULT_PRNG_IMPL", generator) for generator in GENERATORS]
    settings += [("JAX_THREEFRY_PARTITIONABLE", "0"), ("JAX_ENABLE_X64", "1")]
    for name, value in settings:
        yield Circumstance(f"{name}={value}", settings={name: value})
    for workers in (1, 2, 3) if ray else ():
        chosen = ("--executor", "ray", "--workers", str(workers))
        yield Circumstance(f"Ray, {workers} worker(s)", chosen)


def trials(config: str, out: Path, arguments: Sequence[str], one: Circumstance) -> Path:
    """The table that a run writes."""
    command = [sys.executable, "-m", "hptjax", "run", config, "--strategy", *one.order]
    command += ["--out", str(out), "--set", "tensorboard=false", *arguments, *one.arguments]
    done = subprocess.run(command, env=os.environ | one.settings, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return out / "trials.csv"


def digest(table: Path) -> str:
    """SHA-256 of the rows of a table, sorted."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.reader(file))
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--ray", action="store_true", help="run it on Ray's workers, too")
    args = parser.parse_args()
    sets = [word for value in args.sets for word in ("--set", value)]
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for k, one in enumerate(circumstances(args.ray)):
            began = time.perf_counter()
            found.append(digest(trials(args.config, Path(folder) / str(k), sets, one)))
            seconds = time.perf_counter() - began
            print(f"{found[-1][:16]}  {one.name}  ({seconds:.0f} s)", flush=True)
    different = len(set(found))
    print("all the same" if different == 1 else f"{different} different tables")
    return int(different > 1)


if __name__ == "__main__":
    sys.exit(main())
