"""Runs one peer on one problem: a JSON line when it is ready, then one for each round.

    python -m experiments.benchmarks.peers torch_sequential problem.npz --steps 20 --rounds 3

With --serve a round starts with each line read from standard input, so that a caller can run the
rounds of several peers in turn while their processes live on.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hptjax.errors import ConfigError, MissingExtraError

from .common import Task
from .problem import load_problem

NAMES = (
    "engine",
    "torch_sequential",
    "torch_two_processes",
    "torch_graphs",
    "torch_compile",
    "torch_vmap",
    "flax_naive_vmap",
    "flax_loop",
    "original_pipeline",
    "sgemm",
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmarks.peers")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("problem", type=Path, help="file of experiments.benchmarks.peers.problem")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--fused", action="store_true", help="PyTorch's fused Adam")
    parser.add_argument("--augment", action="store_true", help="engine, original_pipeline")
    parser.add_argument("--exact", action="store_true", help="engine: a body for each shape")
    parser.add_argument("--device", default="cpu", help="of PyTorch's peers")
    parser.add_argument("--streams", type=int, default=1, help="torch_graphs: members side by side")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--rounds", type=int, default=1)
    when.add_argument("--serve", action="store_true")
    return parser.parse_args(argv)


def task_of(args: argparse.Namespace) -> Task:
    options = ("steps", "threads", "channels_last", "fused", "augment", "exact")
    options = (*options, "device", "streams")
    return Task(**load_problem(args.problem), **{name: getattr(args, name) for name in options})


def starts(args: argparse.Namespace) -> Iterator[object]:
    """One item for each round."""
    return iter(sys.stdin) if args.serve else iter(range(args.rounds))


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    begin = time.perf_counter()
    try:
        task = task_of(args)
        module = importlib.import_module(f".{args.name}", __package__)
        prepared = module.prepare(task)
    except (ConfigError, MissingExtraError) as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2
    ready = {"peer": args.name, "prepare_s": time.perf_counter() - begin, **prepared.info}
    print(json.dumps(ready), flush=True)
    for _ in starts(args):
        result = prepared.run()
        print(json.dumps({"seconds": result.seconds, "losses": result.losses}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
