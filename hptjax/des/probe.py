"""Finds out, without an extra evaluation, whether JAX can compile an objective."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.des import runner


class Probe:
    """Evaluates the first generation, unless its first value shows that `fn` is a JAX function.

    native: whether JAX itself is in float64; the trace must have the same precision.
    """

    def __init__(self, native: bool) -> None:
        self.native = native

    def __call__(
        self, problem: runner.Minimization, rows: np.ndarray, counted: np.ndarray
    ) -> np.ndarray | None:
        points = rows[counted]
        with jax.enable_x64(self.native):
            first = problem.fn(points if problem.vectorized else points[0])
            if isinstance(first, jax.Array) and _traces(problem, points):
                return None
        known = dataclasses.replace(problem, fn=_Remembered(problem.fn, first))
        return runner.evaluate_on_host(known, rows, counted)


def _traces(problem: runner.Minimization, points: np.ndarray) -> bool:
    shape = jax.ShapeDtypeStruct(points.shape, jnp.zeros(0).dtype)
    try:
        jax.eval_shape(problem.evaluate, shape)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        return False  # it branches on values, as in `if x[0] > 0`: run it as plain Python
    return True


class _Remembered:
    """A function whose first call is already answered."""

    def __init__(self, fn: Callable, first: Any) -> None:
        self.fn, self.answers = fn, [first]

    def __call__(self, x: np.ndarray) -> Any:
        return self.answers.pop() if self.answers else self.fn(x)
