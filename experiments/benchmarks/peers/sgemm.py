"""What the machine can do: products of large float32 matrices, by numpy's BLAS and by XLA."""

import time
from collections.abc import Callable

import jax
import numpy as np

from .common import Prepared, Round, Task, limit_cores

SIZE, REPEATS = 2048, 8


def gflops(product: Callable[[], object], repeats: int = REPEATS) -> float:
    """Rate of a function that multiplies two SIZE x SIZE matrices."""
    begin = time.perf_counter()
    for _ in range(repeats):
        product()
    return 2e-9 * SIZE**3 * repeats / (time.perf_counter() - begin)


def products() -> dict[str, Callable[[], object]]:
    """The product by either library, warmed up."""
    a, b = np.random.default_rng(0).random((2, SIZE, SIZE), dtype=np.float32)
    x, y = jax.device_put((a, b))
    dot = jax.jit(lambda x, y: x @ y)
    found = {"numpy": lambda: a @ b, "xla": lambda: jax.block_until_ready(dot(x, y))}
    for product in found.values():
        product()
    return found


def prepare(task: Task) -> Prepared:
    """Seconds of a round are those of 10^9 operations at the rate of the faster library."""
    limit_cores(task.threads)
    found = products()
    return Prepared(lambda: Round(1 / max(gflops(product) for product in found.values())))
