"""DES on BBOB: evaluations to the target 1e-8 (needs the extra `bench`: coco-experiment).

    python experiments/benchmarks/des_bbob.py --functions 1 8 10 --dims 10

release-original, D = 10, published ranges: f1 10k-13.5k, f8 19k-23k, f10 16k-19.5k.
"""

import argparse

import cocoex  # pyright: ignore[reportMissingImports]
import jax
import numpy as np

from hptjax.des import PRESETS, des_minimize

RANGES = {1: (10_000, 13_500), 8: (19_000, 23_000), 10: (16_000, 19_500)}


def evaluations_to_target(function: int, dims: int, instance: int, preset: str, args) -> int | None:
    """The evaluations of one run on one instance; None if it missed the target."""
    options = f"dimensions: {dims} function_indices: {function} instance_indices: {instance}"
    problem = next(iter(cocoex.Suite("bbob", "", options)))
    result = des_minimize(
        lambda x: float(problem(x)),
        x0=np.zeros(dims),
        bounds=(-5.0, 5.0),
        preset=preset,
        budget=args.budget or 10_000 * dims,
        seed=args.seed + instance,
        jit=False,
        callback=lambda _: bool(problem.final_target_hit),
    )
    return result.nfev if problem.final_target_hit else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--functions", type=int, nargs="+", default=list(RANGES))
    parser.add_argument("--dims", type=int, nargs="+", default=[10])
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["release-original"])
    parser.add_argument("--instances", type=int, nargs="+", default=list(range(1, 16)))
    parser.add_argument("--budget", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    for preset in args.presets:
        for dims in args.dims:
            for function in args.functions:
                found = [
                    evaluations_to_target(function, dims, instance, preset, args)
                    for instance in args.instances
                ]
                hits = [n for n in found if n is not None]
                median = np.median(hits) if hits else np.nan
                print(
                    f"{preset} D={dims} f{function}: reached {len(hits)}/{len(found)}, median "
                    f"{median:.0f} evaluations, published {RANGES.get(function, '-')}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
