"""Measures the speed of each kind of layer beside our kernels of convolution and batch norm."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.models.layers.base import Context

from .common import show
from .layer_cases import MAPS, Case, cases
from .timed import Timed, looped, normal

SECONDS = 0.01  # seconds of one measurement: minima are reported
COLUMNS = ("layer", "maps", "ms forward", "ms backward", "GFLOP/s", "GB/s", "of the kernels'")
NORM, CONV = "batch_norm", "conv"  # the reference for other layers: the first case of each


@dataclass
class Rate:
    """The least seconds of the forward pass and of both; moved: GB of maps in and out."""

    case: Case
    forward: float
    both: float
    moved: float

    @property
    def gflops(self) -> float | None:
        return 3 * self.case.gflop / self.both if self.case.gflop else None

    @property
    def speed(self) -> float:
        """GFLOP/s of a layer with products, GB/s of any other."""
        return self.gflops or self.moved / self.both


def measure(rows: Sequence[str], rounds: int) -> list[Rate]:
    """Measures the cases of the kernels, then of these rows; the passes of a case take turns.

    Only the passes of one case take turns: the programs of all would not fit the memory.
    """
    held = [_first(row, shape) for row in (NORM, CONV) for shape in MAPS]
    others = [case for case in cases(rows) if case not in held]
    return [_rate(case, rounds) for case in (*held, *others)]


def report(rates: Sequence[Rate]) -> list[dict[str, Any]]:
    """Prints the table; returns its rows."""
    rows = []
    for rate in rates:
        share = rate.speed / _reference(rate, rates).speed
        rows.append(
            {
                "layer": rate.case.name,
                "maps": f"{' x '.join(map(str, rate.case.incoming))}, {rate.case.images}",
                "ms forward": 1e3 * rate.forward,
                "ms backward": 1e3 * (rate.both - rate.forward),
                "GFLOP/s": rate.gflops,
                "GB/s": None if rate.gflops else rate.moved / rate.both,
                "of the kernels'": share,
            }
        )
    show("Layers on one core, minima", list(COLUMNS), [list(row.values()) for row in rows])
    return rows


def _reference(rate: Rate, rates: Sequence[Rate]) -> Rate:
    """The kernel with the same maps: convolution for a layer with products, else batch norm."""
    row = CONV if rate.case.gflop else NORM
    held = [own for own in rates[: 2 * len(MAPS)] if own.case.row == row]
    return next((own for own in held if own.case.incoming == rate.case.incoming), held[0])


def _first(row: str, shape: tuple[int, ...]) -> Case:
    return next(case for case in cases([row]) if case.incoming == shape)


def _rate(case: Case, rounds: int) -> Rate:
    x, weights, numbers = _operands(case)
    forward = partial(_forward, case)
    g = normal(jax.eval_shape(forward, x, weights, numbers).shape)
    passes = [
        Timed(looped(forward, (x, weights, numbers)), 0.0),
        Timed(looped(partial(_both, forward), (x, weights, numbers, g)), 0.0),
    ]
    for one in passes:
        one.calibrate(SECONDS)
    times = [[one.seconds() for one in passes] for _ in range(rounds)]
    least, both = (min(column) for column in zip(*times, strict=True))
    # the images and their gradient are read and written, what comes out and its gradient, too; the
    # backward pass reads the images once more
    moved = 4e-9 * (3 * x.size + 2 * g.size)
    return Rate(case, least, both, moved)


def _operands(case: Case) -> tuple[Array, dict[str, Array], dict[str, Any]]:
    layer, incoming = case.layer, case.incoming
    drawn = layer.initial(jax.random.key(0), incoming) or {}
    weights = {
        name: jnp.asarray(drawn[name]) if name in drawn else normal(weight.shape)
        for name, weight in layer.weights(incoming).items()
    }
    numbers = {name: jnp.float32(value) for name, value in layer.numbers().items() if value}
    return normal((*incoming, case.images)), weights, numbers


def _forward(case: Case, x: Array, weights: dict[str, Array], numbers: dict[str, Any]) -> Array:
    """The layer as in a member's program: its numbers are traced, except those at 0."""
    layer, incoming = case.layer, case.incoming
    missing = {name: None for name in layer.may_miss if name not in numbers}
    kept = {
        name: jnp.full(weight.shape, weight.fill)
        for name, weight in layer.statistics(incoming).items()
    }
    context = Context(incoming, True, jax.random.key(1), kept)
    return layer.bound({**missing, **numbers}).forward(x, weights, context)


def _both(forward: Any, x: Array, weights: Any, numbers: Any, g: Array) -> Any:
    y, back = jax.vjp(lambda x, weights: forward(x, weights, numbers), x, weights)
    return y, back(g)
