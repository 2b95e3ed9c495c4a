"""Linear layers of units [I, B], images innermost, with their gradients written out.

On CPUs kernels of our own compute them (`kernels/linear.cc`), elsewhere XLA's products.
"""

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native
from hptjax.ops.shapes import check_linear


def linear(x: Array, w: Array, bias: Array, live: Array | None = None) -> Array:
    """Weighted sums of the units of each image: x [I, B], w [O, I], bias [O] -> [O, B].

    live: int32 [2], the units of x and of the result that are more than padding, default all:
    beyond them all arrays must hold zeros, which kernels do not compute.

    Raises: ValueError for shapes that do not belong together; where kernels compute, XLA's error
    INVALID_ARGUMENT for numbers of live units that the arrays do not have.
    """
    check_linear(x, w, bias, live)
    if not native.take(x, w, bias):
        return w @ x + bias[:, None]
    live = jnp.array([w.shape[1], w.shape[0]], jnp.int32) if live is None else live
    return _linear(x, w, bias, live)


@jax.custom_vjp
def _linear(x: Array, w: Array, bias: Array, live: Array) -> Array:
    layouts, out = (None,) * 4, (w.shape[0], x.shape[1])
    return native.call_one("hptjax_linear", (x, w, bias, live), layouts, out, None)


def _forward(x: Array, w: Array, bias: Array, live: Array):
    return _linear(x, w, bias, live), (x, w, live)


def _backward(residuals, g: Array):
    x, w, live = residuals
    layouts = (None,) * 3
    dx = native.call_one("hptjax_linear_input_gradient", (g, w, live), layouts, x.shape, None)
    dw = native.call_one("hptjax_linear_weight_gradient", (g, x, live), layouts, w.shape, None)
    return dx, dw, g.sum(1), None


_linear.defvjp(_forward, _backward)
