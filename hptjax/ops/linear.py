"""Linear layers of units [I, B], images innermost, with hand-written gradients.

On CPUs our own kernels compute them (`kernels/linear.cc`), elsewhere XLA's products.
"""

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native
from hptjax.ops.shapes import check_linear


def linear(x: Array, w: Array, bias: Array, live: Array | None = None) -> Array:
    """Returns weighted sums of the units of each image: x [I, B], w [O, I], bias [O] -> [O, B].

    live: int32 [2], the numbers of units of x and of the result that are not padding, default all.
    All arrays must hold zeros in the other units; kernels do not compute these.

    Raises: ValueError for shapes that do not fit together; where kernels compute, XLA's error
    INVALID_ARGUMENT for more live units than the arrays have.
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
