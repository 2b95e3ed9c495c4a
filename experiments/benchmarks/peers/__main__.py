"""Runs one peer on one problem and prints one JSON line.

python -m experiments.benchmarks.peers torch_sequential problem.npz --steps 20 --threads 2
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

from hptjax.errors import ConfigError, MissingExtraError

from .common import Timing, default_member, fashion_mnist, limit_cores
from .problem import load_problem

NAMES = (
    "torch_sequential",
    "torch_two_processes",
    "torch_vmap",
    "flax_naive_vmap",
    "flax_loop",
    "original_pipeline",
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmarks.peers")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("problem", type=Path, help="problem file; original_pipeline: idx.gz folder")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--fraction", type=float, default=1.0, help="original_pipeline only")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> tuple[Timing, dict]:
    """The timing and the counts that belong to it."""
    if args.name == "original_pipeline":
        from . import original_pipeline

        images, labels = fashion_mnist(args.problem, "train")
        member = default_member()
        timing = original_pipeline.run(member, images, labels, fraction=args.fraction)
        steps = -(-len(images) * 4 // 5 // member["batch_size"])
        return timing, {"steps": steps, "members": 1, "scaled_from_fraction": args.fraction}
    problem = load_problem(args.problem)
    options: dict = {"steps": args.steps}
    if args.name in ("torch_sequential", "torch_two_processes"):
        from . import torch_sequential as module

        options |= {"channels_last": args.channels_last, "fused": args.fused}
    else:
        module = importlib.import_module(f".{args.name}", __package__)
    run = module.run
    if args.name == "torch_two_processes":
        run = module.run_two_processes
    elif args.name.startswith("torch"):
        options["threads"] = args.threads
    else:
        limit_cores(args.threads)
    return run(*problem, **options), {"steps": args.steps, "members": len(problem[0])}


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        timing, counts = measure(args)
    except (ConfigError, MissingExtraError) as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2
    record = {"peer": args.name, "seconds": timing.seconds, **counts}
    record |= {"warmup_seconds": timing.warmup_seconds, "losses": timing.losses}
    record |= {"threads": 1 if args.name == "torch_two_processes" else args.threads}
    record |= {"channels_last": args.channels_last, "fused": args.fused}
    print(json.dumps(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
