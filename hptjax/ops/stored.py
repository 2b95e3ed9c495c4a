"""Maps [C, H, W, B] as a training step of precision bfloat16 keeps them between its operations.

An operation reads maps in float32 and computes in float32; what it gives is rounded to bfloat16,
and so is the gradient that comes back to it. On accelerators the maps between operations are then
arrays of bfloat16, half as long, since XLA joins the conversions to the operations. Our kernels for
CPUs take float32 alone: there maps stay float32 arrays of the same rounded numbers, which shows
what the rounding does to the training, and saves nothing.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops import native

EXPONENT, MANTISSA = 8, 7  # the bits of bfloat16
SHORT = jnp.bfloat16


def compiler_options(precision: str) -> dict[str, Any] | None:
    """Returns XLA's options for a program that trains networks of this precision.

    By its own options it leaves out conversions to bfloat16 and back, and so stores float32: the
    program of a `PopulationProblem`, which holds networks of any precision, may do so.
    """
    return None if precision == "float32" else {"xla_allow_excess_precision": False}


def keep(x: Array) -> Array:
    """Returns float32 maps as they are kept; their gradient is rounded, too."""
    return x.astype(SHORT).astype(x.dtype) if native.for_accelerators() else _both_ways(x)


@jax.custom_vjp
def kernel(w: Array) -> Array:
    """Returns a kernel as products read it; its gradient stays as it is."""
    return _rounded(w)


def _rounded(x: Array) -> Array:
    return lax.reduce_precision(x, EXPONENT, MANTISSA)


kernel.defvjp(lambda w: (_rounded(w), None), lambda _, g: (g,))


@jax.custom_vjp
def _both_ways(x: Array) -> Array:
    return _rounded(x)


_both_ways.defvjp(lambda x: (_rounded(x), None), lambda _, g: (_rounded(g),))


def convolve(conv: Callable[..., Any], x: Array, *kernels: Array, **options: Any) -> Any:
    """Calls conv(x, *kernels, **options) of `ops.conv`; returns maps, or a pair of them, as kept.

    x: maps as kept. On accelerators the products have operands of bfloat16.
    """
    if not native.for_accelerators():
        return jax.tree.map(_both_ways, conv(x, *map(kernel, kernels), **options))
    given = conv(x.astype(SHORT), *kernels, **options)
    return jax.tree.map(lambda y: y.astype(x.dtype), given)
