"""Times work on arrays within compiled loops."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

# every repetition computes the same from the same arrays; XLA would do so once, before the loop
IN_THE_LOOP: dict[str, str | bool] = {"xla_disable_hlo_passes": "while-loop-invariant-code-motion"}
SECONDS = 0.03  # seconds of one measurement


@dataclass
class Timed:
    """Compiled work: run(n) does it n times; gflop: the useful GFLOP of one time."""

    run: Callable[[int], object]
    gflop: float
    count: int = 1

    def seconds(self) -> float:
        """The seconds of one repetition."""
        begin = time.perf_counter()
        self.run(self.count)
        return (time.perf_counter() - begin) / self.count

    def calibrate(self, seconds: float = SECONDS) -> None:
        """Compiles the work, and finds how many repetitions take about so many seconds."""
        self.run(1)
        self.count = max(1, round(seconds / min(self.seconds() for _ in range(3))))


def looped(work: Callable[..., Any], operands: tuple, _: float = 0.0) -> Callable[[int], object]:
    """A function of n that does some work n times within one compiled loop."""

    def run(n: Any, operands: tuple) -> Any:
        shapes = jax.eval_shape(work, *operands)
        start = jax.tree.map(jnp.zeros_like, shapes)
        return jax.lax.fori_loop(0, n, lambda *_: work(*operands), start)

    compiled = jax.jit(run).lower(1, operands).compile(compiler_options=IN_THE_LOOP)
    return lambda n: jax.block_until_ready(compiled(n, operands))


def normal(shape: tuple[int, ...]) -> Array:
    """Normally distributed numbers, always the same for a shape."""
    return jax.random.normal(jax.random.key(len(shape)), shape)
