"""Work on arrays within compiled loops, and how long one time of it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

# all times make the same of the same arrays, which XLA would make once, before the loop
IN_THE_LOOP: dict[str, str | bool] = {"xla_disable_hlo_passes": "while-loop-invariant-code-motion"}
SECONDS = 0.03  # of one measurement


@dataclass
class Timed:
    """Something compiled: run(n) makes it n times; gflop: useful 10^9 operations of one time."""

    run: Callable[[int], object]
    gflop: float
    count: int = 1

    def seconds(self) -> float:
        """Of one time."""
        begin = time.perf_counter()
        self.run(self.count)
        return (time.perf_counter() - begin) / self.count

    def calibrate(self, seconds: float = SECONDS) -> None:
        """Compiles, and finds how many times take about so many seconds."""
        self.run(1)
        self.count = max(1, round(seconds / min(self.seconds() for _ in range(3))))


def looped(work: Callable[..., Any], operands: tuple, _: float = 0.0) -> Callable[[int], object]:
    """A function of n that makes some work n times within one compiled loop."""

    def run(n: Any, operands: tuple) -> Any:
        shapes = jax.eval_shape(work, *operands)
        start = jax.tree.map(jnp.zeros_like, shapes)
        return jax.lax.fori_loop(0, n, lambda *_: work(*operands), start)

    compiled = jax.jit(run).lower(1, operands).compile(compiler_options=IN_THE_LOOP)
    return lambda n: jax.block_until_ready(compiled(n, operands))
