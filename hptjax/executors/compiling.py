"""Texts that predict the cost of compiling and training, and say how to lower it."""

import math
from collections.abc import Sequence

import jax
import numpy as np

from hptjax.entries import Value
from hptjax.models.signature import NetShape, net_shape
from hptjax.population.calibration import factors_of
from hptjax.population.memory import MEBIBYTE, population_bytes
from hptjax.population.plan import Plan
from hptjax.population.speed import generation_seconds
from hptjax.population.trainer import PopulationTrainer
from hptjax.transpile.problem import MAX_SIGNATURES, Problem

DRAWN = 16  # networks drawn as a sample of a space
MANY = 12  # more values of one hparam, each with its own body, are too many
FEW = 4  # number of values that is proposed instead


def compiling_text(plan: Plan, problem: Problem) -> str:
    """`3 bodies, about 13 s of compiling`, and the hparam that makes them many, if one does.

    The seconds are for a first start; later, compiled programs come from a cache.
    """
    count, seconds = len(plan.bodies), compile_seconds(plan, plan.bodies)
    each = seconds / count
    text = f"{count} {'body' if count == 1 else 'bodies'}, about {_duration(seconds)}"
    return f"{text} of compiling{_why(problem, each)}."


def compile_seconds(plan: Plan, bodies: Sequence[NetShape]) -> float:
    """Seconds to compile a program of these bodies, by the user's calibration or the plan."""
    factor = factors_of(jax.local_devices()[0]).compiling
    return factor * plan.price.compile_seconds(bodies)


def training_text(
    trainer: PopulationTrainer,
    problem: Problem,
    *,
    epochs: int,
    validation: int,
    marks: bool,
    networks: int | None = None,
) -> str:
    """`A generation of 8 networks takes about 2.1 s of training and 14 MiB beside the images.`

    epochs: the epochs of a full training. validation: how many images each epoch measures. marks:
    as in `row_bytes`. networks: as in `generation_seconds`.
    """
    plan, places = trainer.plan, len(trainer.places)
    drawn = map(problem.build, problem.space.sample(DRAWN, np.random.default_rng(0)))
    configs = [own.config for own in drawn if own.config is not None]
    shapes = list(map(net_shape, configs)) or list(plan.bodies)
    covered = [plan.body_of(shape) for shape in shapes]
    members = [
        (shape if body is None else plan.bodies[body], shape)
        for body, shape in zip(covered, shapes, strict=True)
    ]
    images = trainer.epoch_images, validation
    seconds = generation_seconds(plan, trainer.execution, places, members, *images, networks)
    seconds *= epochs * factors_of(trainer.places[0]).training
    networks = plan.capacity if networks is None else networks
    used = population_bytes(plan, trainer.room, trainer.execution.lanes, marks=marks)
    return (
        f"A generation of {networks} networks takes about {_duration(seconds)} of training, "
        f"and {places * used / MEBIBYTE:.1f} MiB beside the images."
    )


def _why(problem: Problem, each: float) -> str:
    values = problem.compiled_values()
    text = ""
    if math.prod(map(len, values.values())) > MAX_SIGNATURES:
        text = f", and {_duration(each)} for each further shape that turns up"
    name = max(values, key=lambda name: len(values[name]), default=None)
    if name is None or len(values[name]) <= MANY:
        return text
    fewer = _fewer(name, values[name])
    return (
        f"{text}: {name} has {len(values[name])} values; "
        f"{{choice: [{', '.join(map(str, fewer))}]}} makes {len(fewer)}"
    )


def _fewer(name: str, values: Sequence[Value]) -> list[Value]:
    """A few of the values, from end to end; for batch sizes powers of two, if there are enough."""
    if name == "batch_size":
        powers = [v for v in values if isinstance(v, int) and v > 0 and v.bit_count() == 1]
        values = powers if len(powers) >= FEW else values
    last = len(values) - 1
    return [values[round(k * last / (FEW - 1))] for k in range(FEW)]


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 9.5
        else f"{seconds:.0f} s"
        if seconds < 120
        else (f"{seconds / 60:.0f} min")
    )
