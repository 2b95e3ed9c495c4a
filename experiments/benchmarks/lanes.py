"""How long a training step takes, by body and by members side by side: what `LANES` is fitted to.

    python -m experiments.benchmarks.lanes [--strides 1 2 3] [--lanes 1 8 32 128] [--steps 100]
        [--precision default highest]

For accelerators, though it runs anywhere. Programs are compiled at once, in threads, then timed one
after another: the median of four epochs of one network, as often as there are lanes. The fit is of
time to launches, FLOPs and numbers in maps, with relative errors. The last line of output is one
JSON object.
"""

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import jax
import numpy as np
from scipy.optimize import nnls

from hptjax.config.schema import ModelConfig
from hptjax.data import load_images
from hptjax.devices import set_up
from hptjax.models.costs import costs_of
from hptjax.models.signature import exact_body
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.population.price import LANES

from .common import machine, rounded, show
from .peers.common import default_member

CHANNELS, UNITS, BATCH, EPOCHS = (24, 16), 128, 64, 4


def network(stride: int) -> ModelConfig:
    """The widest of the trial-1 space with this stride."""
    member = default_member()
    first, second = member["resnet_config"]["block_list"]
    first |= {"out_channels": CHANNELS[0], "stride": stride}
    second |= {"in_channels": CHANNELS[0], "out_channels": CHANNELS[1]}
    hidden, last = member["mlp_config"]["block_list"]
    side = (14 - 1) // stride + 1
    hidden |= {"in_size": CHANNELS[1] * (side // 2) ** 2, "out_size": UNITS}
    last |= {"in_size": UNITS}
    return ModelConfig.from_dict(member)


def prepared(steps: int, point: tuple[int, int, str]) -> dict[str, Any]:
    """A compiled trainer with its population, for (stride, lanes, precision)."""
    stride, lanes, precision = point
    config, images = network(stride), load_images("sample")
    rows = np.arange(steps * BATCH) % images.size
    trainer = PopulationTrainer(
        make_plan([config], capacity=lanes, price=LANES),
        images.take(rows),
        images.take(np.arange(BATCH)),
        seed=0,
        augment=False,
        lanes=lanes,
        devices=jax.local_devices()[:1],
    )
    began = time.perf_counter()
    with jax.default_matmul_precision(None if precision == "default" else precision):
        state, _ = trainer.epoch(trainer.start([Member(config, k) for k in range(lanes)]))
    return {"point": point, "trainer": trainer, "state": state, "s": time.perf_counter() - began}


def measured(steps: int, made: dict[str, Any]) -> dict[str, Any]:
    """Time of a step of all lanes, and what was computed in it."""
    (stride, lanes, precision), trainer, state = made["point"], made["trainer"], made["state"]
    seconds = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        state, _ = trainer.epoch(state)
        seconds.append(time.perf_counter() - began)
    costs = costs_of(exact_body(network(stride)))
    return {
        "stride": stride,
        "lanes": lanes,
        "precision": precision,
        "ms": 1e3 * statistics.median(seconds) / steps,
        "gflop": 1e-9 * lanes * BATCH * costs.train_flops,
        "numbers": 1e-6 * lanes * BATCH * costs.map_numbers,
        "prepared_s": made["s"],
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--precision", nargs="+", default=["default"], help="of JAX's products")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=8, help="programs compiled at once")
    args = parser.parse_args()
    set_up(compile_cache=False)
    print(f"{machine()}, {jax.local_devices()[0].device_kind}")
    points = list(product(args.strides, args.lanes, args.precision))
    with ThreadPoolExecutor(args.jobs) as pool:
        made = list(pool.map(partial(prepared, args.steps), points))
    found = [measured(args.steps, one) for one in made]
    rows = [
        [
            p["stride"],
            p["lanes"],
            p["precision"],
            p["ms"],
            p["ms"] / p["lanes"],
            p["gflop"] / p["ms"],
        ]
        for p in found
    ]
    columns = ["stride", "lanes", "precision", "ms a step", "ms a member", "TFLOP/s"]
    show(f"Widest networks of the trial-1 space, {args.steps} steps", columns, rows)
    fits = {}
    for precision in args.precision:
        fits[precision] = fit([p for p in found if p["precision"] == precision])
        print(precision, {name: rounded(value) for name, value in fits[precision].items()})
    print(json.dumps({"points": found, "fits": fits}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
