"""`hptjax calibrate`: corrects the predicted seconds for this machine by measuring it."""

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from hptjax.config.geometry import ImageSpec
from hptjax.config.model import AnyModel
from hptjax.data import ImageDataset
from hptjax.models.signature import net_shape
from hptjax.population import Member, PopulationState, PopulationTrainer, make_plan
from hptjax.population.calibration import Factors, calibration_file, factors_of, keep_factors
from hptjax.population.places import places_for
from hptjax.population.speed import generation_seconds
from hptjax.report.terminal import PlainTable, make_console, patience
from hptjax.study.load import load_study
from hptjax.transpile import Problem

SPACES = ("optuna_mlp", "trial1", "keras_cnn", "mnist_5k")  # one network of each is measured
IMAGE = ImageSpec(28, 28, 1, 10)
ABREAST = 16  # members of a device that trains them side by side
VALIDATION = 64  # images
EPOCH_S, LEAST, MOST = 0.3, 12, 300  # target seconds of an epoch; least and most steps of it


@dataclass
class Measured:
    """A network on this machine: the seconds by the packaged table, and the measured ones."""

    name: str
    steps: int
    training: float
    compiling: float
    compiled_s: float
    trainer: PopulationTrainer
    state: PopulationState
    epochs_s: list[float]

    @property
    def epoch_s(self) -> float:
        """The seconds of the fastest epoch: other load on the machine only adds to it."""
        return min(self.epochs_s)

    def epoch(self) -> None:
        """Trains one more epoch, and records its seconds."""
        began = time.perf_counter()
        self.state, _ = self.trainer.epoch(self.state)
        self.epochs_s.append(time.perf_counter() - began)


def calibrate(args: argparse.Namespace) -> int:
    """Measures, prints old and new predictions, and saves the factors unless told not to."""
    console, device = make_console(), places_for()[0]
    before = factors_of(device)  # reports a damaged file now, not after a minute
    with patience(console, "compiling and training a few small networks"):
        found = measured(SPACES[: args.networks], args.repeats, most=args.steps)
    after = before.model_copy(update=factors(found))
    console.print(of_training(found, before, after))
    console.print(of_compiling(found, before, after))
    how = "" if device.platform != "cpu" else ", with CPU kernels" * before.kernels
    console.print(
        f"{before.device}{how}: training takes {after.training:.2f} times, compiling "
        f"{after.compiling:.2f} times as long as the package says.",
        soft_wrap=True,
    )
    if args.dry_run or calibration_file() is None:
        console.print("Nothing was written.")
    else:
        console.print(f"Written: {keep_factors(after)}", soft_wrap=True)
    return 0


def measured(names: Sequence[str], repeats: int, *, most: int = MOST) -> list[Measured]:
    """Measures a network of each packaged space, by `repeats` epochs in turn.

    Every core trains a copy, as in a run; other devices train ABREAST copies. most: the most steps
    of an epoch. JAX's cache of compiled programs is not used.
    """
    kept = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        found = [_begun(name, config_of(name), repeats, most) for name in names]
    finally:
        jax.config.update("jax_enable_compilation_cache", kept)
    for _ in range(repeats):
        for own in found:
            own.epoch()
    return found


def config_of(name: str) -> AnyModel:
    """A network drawn from a packaged space; always the same one."""
    study = load_study(name)
    problem = Problem(study.model, study.space, IMAGE)
    drawn = problem.space.sample(8, np.random.default_rng(0))
    return next(own.config for own in map(problem.build, drawn) if own.config is not None)


def _begun(name: str, config: AnyModel, repeats: int, most: int) -> Measured:
    """Compiles a network and trains its first epoch."""
    places, shape = places_for(), net_shape(config)
    count = len(places) * (1 if places[0].platform == "cpu" else ABREAST)
    plan = make_plan([config], capacity=count)
    batch = shape.signature.batch_size
    pairs = [(plan.bodies[0], shape)]

    def trainer_of(steps: int) -> PopulationTrainer:
        images = _images(steps * batch), _images(VALIDATION)
        return PopulationTrainer(
            plan, *images, seed=0, horizon=repeats + 1, augment=False, devices=places
        )

    def expected(trainer: PopulationTrainer) -> float:
        images = trainer.epoch_images, VALIDATION
        return generation_seconds(plan, trainer.execution, len(places), pairs, *images)

    least = min(LEAST, most)
    trainer = trainer_of(least)
    steps = min(most, max(least, round(least * EPOCH_S / expected(trainer))))
    if steps != least:
        trainer = trainer_of(steps)
    compiling = plan.price.compile_seconds(plan.bodies)
    state, _ = trainer.epoch(trainer.start([Member(config, k) for k in range(count)]))
    took = trainer.compile_seconds
    return Measured(name, steps, expected(trainer), compiling, took, trainer, state, [])


def _images(count: int) -> ImageDataset:
    shape = count, IMAGE.height, IMAGE.width, IMAGE.channels
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return ImageDataset(pixels, (np.arange(count) % IMAGE.classes).astype(np.int32))


def factors(found: Sequence[Measured]) -> dict[str, float]:
    """The measured seconds divided by the table's, as geometric means over the networks."""

    def mean(ratios: Sequence[float]) -> float:
        return float(f"{math.exp(statistics.fmean(map(math.log, ratios))):.4g}")

    return {
        "training": mean([own.epoch_s / own.training for own in found]),
        "compiling": mean([own.compiled_s / own.compiling for own in found]),
    }


def of_training(found: Sequence[Measured], before: Factors, after: Factors) -> PlainTable:
    """A table with a line for each network: milliseconds of a step of all copies."""
    rows = [
        (own.name, 1e3 * own.training / own.steps, 1e3 * own.epoch_s / own.steps) for own in found
    ]
    return _table("Training, ms a step", rows, before.training, after.training)


def of_compiling(found: Sequence[Measured], before: Factors, after: Factors) -> PlainTable:
    """A table with a line for each network: seconds to compile its program."""
    rows = [(own.name, own.compiling, own.compiled_s) for own in found]
    return _table("Compiling, s", rows, before.compiling, after.compiling)


def _table(title: str, rows: Any, before: float, after: float) -> PlainTable:
    table = PlainTable(title=title, title_justify="left")
    table.add_column("a network of")
    for column in ("predicted", "measured", "predicted / measured", "calibrated"):
        table.add_column(column, justify="right")
    for name, packaged, took in rows:
        numbers = packaged * before, took, packaged * before / took, packaged * after / took
        table.add_row(name, *(f"{number:.3g}" for number in numbers))
    return table
