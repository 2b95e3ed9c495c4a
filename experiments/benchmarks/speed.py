"""Fits the time of a training step of any network on one core (`hptjax/population/prices.yaml`).

    taskset -c 0 python -m experiments.benchmarks.speed                 # with the CPU kernels
    HPTJAX_KERNELS=0 taskset -c 0 python -m experiments.benchmarks.speed

Networks are drawn from the packaged spaces, and each is trained alone, on random images. The
coefficients have the least relative error, and none is negative; the table shows their errors by
space. `--points FILE` saves the measurements.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import jax
import numpy as np
from scipy.optimize import nnls

from hptjax.config.geometry import ImageSpec
from hptjax.config.model import AnyModel
from hptjax.data import ImageDataset
from hptjax.models.signature import net_shape
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.population.speed import FEATURES, features
from hptjax.study import load_study
from hptjax.transpile import Problem

from .common import show

GREY, COLOUR = ImageSpec(28, 28, 1, 10), ImageSpec(32, 32, 3, 10)
SPACES = {
    "trial1": GREY,
    "optuna_mlp": GREY,
    "keras_cnn": GREY,
    "mnist_5k": GREY,
    "pd1_cnn": GREY,
    "resnet_cifar": COLOUR,
    "own_flax": GREY,
}
STEPS, EPOCHS = 12, 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", type=int, default=8, help="networks of each space (default: 8)"
    )
    parser.add_argument("--spaces", nargs="+", default=list(SPACES))
    parser.add_argument("--points", type=Path, help="a JSON file for all measurements")
    args = parser.parse_args()
    points = []
    for name in args.spaces:
        study = load_study(name)
        problem = Problem(study.model, study.space, SPACES[name])
        found = problem.space.sample(4 * args.networks, np.random.default_rng(0))
        built = [own.config for own in map(problem.build, found) if own.config is not None]
        for config in built[: args.networks]:
            seconds = step_seconds(config, SPACES[name])
            shape = net_shape(config)
            points.append((name, *map(float, features(shape, shape)), seconds))
            print(name, f"{1e3 * seconds:.2f} ms a step", flush=True)
    if args.points is not None:
        args.points.write_text(json.dumps(points))
    seconds = np.array([point[-1] for point in points])
    counts = np.array([point[1:-1] for point in points])
    found, _ = nnls(counts / seconds[:, None], np.ones(len(points)))
    for feature, value in zip(FEATURES, found, strict=True):
        print(f"{feature}: {value:.3g} s")
    ratios = counts @ found / seconds
    rows = []
    for name in args.spaces:
        own = [ratio for ratio, point in zip(ratios, points, strict=True) if point[0] == name]
        rows.append([name, *(f"{f(own):.2f}" for f in (min, statistics.median, max))])
    show("Expected / measured", ["space", "least", "median", "most"], rows)


def step_seconds(config: AnyModel, image: ImageSpec) -> float:
    """The seconds of a step of a network trained alone: medians of EPOCHS epochs of STEPS steps."""
    rng, count = np.random.default_rng(0), STEPS * net_shape(config).signature.batch_size
    shape = image.height, image.width, image.channels
    train, validation = (
        ImageDataset(rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n) % image.classes)
        for n in (count, 64)
    )
    trainer = PopulationTrainer(
        make_plan([config]),
        train,
        validation,
        seed=0,
        horizon=EPOCHS + 1,
        augment=False,
        devices=jax.devices()[:1],
    )
    state = trainer.start([Member(config, 0)])
    times = []
    for _ in range(EPOCHS + 1):  # the first compiles
        began = time.perf_counter()
        state, _ = trainer.epoch(state)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) / STEPS


if __name__ == "__main__":
    main()
