"""Times a training step by body and by members side by side; `LANES` is fitted to the results.

    python -m experiments.benchmarks.lanes [--strides 1 2 3] [--lanes 1 8 32 128] [--steps 100]
        [--precision default highest]

For accelerators, though it runs anywhere. Programs are compiled in parallel threads, then timed one
after another: the median of four epochs, with the same network in every lane. Times are fitted by
launches, FLOPs and numbers in maps, with relative errors. The last line of output is one JSON
object.
"""

import argparse
import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import jax
import numpy as np
from scipy.optimize import nnls

from hptjax.data import load_images
from hptjax.devices import set_up
from hptjax.models.costs import costs_of
from hptjax.population import Population, PopulationTrainer, make_plan

from .common import epoch_seconds, machine, rounded, show
from .step_parts import network_of

BATCH, EPOCHS = 64, 4
POINT = ("stride", "lanes", "precision")


def prepared(steps: int, point: tuple[int, int, str]) -> dict[str, Any]:
    """A population that has been trained once, for (stride, lanes, precision)."""
    stride, lanes, precision = point
    network, images = network_of(f"24,16,{stride}", mlp_out_l0=128), load_images("sample")
    trainer = PopulationTrainer(
        make_plan([network.member.config], capacity=lanes),
        images.take(np.arange(steps * BATCH) % images.size),
        images.take(np.arange(BATCH)),
        seed=0,
        augment=False,
        lanes=lanes,
        devices=jax.local_devices()[:1],
    )
    members = [replace(network.member, key=k) for k in range(lanes)]
    with jax.default_matmul_precision(None if precision == "default" else precision):
        population = Population.start(trainer, members)
        population.advance(1)
    costs = costs_of(network.body)
    return {
        "population": population,
        "stride": stride,
        "lanes": lanes,
        "precision": precision,
        "gflop": 1e-9 * lanes * BATCH * costs.train_flops,
        "numbers": 1e-6 * lanes * BATCH * costs.map_numbers,
        "compile_s": trainer.compile_seconds,
    }


def fit(points: list[dict[str, Any]]) -> dict[str, float]:
    """The constants of a `Price`, and its largest relative error."""
    times = np.array([p["ms"] for p in points])
    shares = np.array([[1, p["gflop"], p["numbers"]] for p in points]) / times[:, None]
    (launches, flops, numbers), _ = nnls(shares, np.ones(len(points)))
    error = np.abs(shares @ [launches, flops, numbers] - 1).max()
    rate = 1e12 / flops if flops else float("nan")  # FLOP/s
    return {
        "launch_ms": launches,
        "per_second": rate,
        "per_number": 1e-9 * numbers * rate,
        "error": error,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument(
        "--precision", nargs="+", default=["default"], help="precision of JAX's products"
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=8, help="programs compiled at once")
    args = parser.parse_args()
    set_up(compile_cache=False)
    print(f"{machine()}, {jax.local_devices()[0].device_kind}")
    points = list(product(args.strides, args.lanes, args.precision))
    with ThreadPoolExecutor(args.jobs) as pool:
        made = list(pool.map(partial(prepared, args.steps), points))
    found = []
    for point in made:
        seconds = epoch_seconds(point.pop("population"), EPOCHS)
        found.append({**point, "ms": 1e3 * statistics.median(seconds) / args.steps})
        print(json.dumps(found[-1]), flush=True)  # a run that is cut leaves these
    rows = [
        [*map(p.get, POINT), p["ms"], p["ms"] / p["lanes"], p["gflop"] / p["ms"]] for p in found
    ]
    columns = [*POINT, "ms a step", "ms a member", "TFLOP/s"]
    show(f"Widest networks of the trial-1 space, {args.steps} steps", columns, rows)
    fits = {}
    for precision in args.precision:
        fits[precision] = fit([p for p in found if p["precision"] == precision])
        print(precision, {name: rounded(value) for name, value in fits[precision].items()})
    print(json.dumps({"points": found, "fits": fits}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
