"""Operations on the views that the taps of a kernel have of padded maps [C, H, W, B].

They take any kernel: even, oblong, dilated. The view of a tap holds, for each pixel of the result,
the pixel that this tap reads.
"""

from collections.abc import Sequence
from functools import partial, reduce
from itertools import product

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops.moves import Pads


def convolve(x: Array, w: Array, *, stride: int, padding: Pads, dilation: int = 1) -> Array:
    """Convolves x [C, H, W, B] by w [O, kh, kw, C] -> [O, H', W', B], one product for each tap.

    padding: rows and columns of zeros to add, (before, after) each; H' = (H + sum(padding[0]) -
    dilation * (kh - 1) - 1) // stride + 1.
    """
    views = _views(x, w.shape[1:3], stride, padding, dilation)
    taps = w.reshape(w.shape[0], -1, w.shape[3])
    flat = [taps[:, i] @ view.reshape(len(view), -1) for i, view in enumerate(views)]
    return _total(flat).reshape(-1, *views[0].shape[1:])


def depthwise(x: Array, w: Array, *, stride: int, padding: Pads, dilation: int = 1) -> Array:
    """Convolves each channel of x [C, H, W, B] by its own kernel of w [C, kh, kw]."""
    views = _views(x, w.shape[1:], stride, padding, dilation)
    taps = w.reshape(w.shape[0], -1, 1, 1, 1)
    return _total([taps[:, i] * view for i, view in enumerate(views)])


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def max_pool(x: Array, size: int, stride: int, padding: Pads) -> Array:
    """Returns the largest number of each window of size x size pixels of x [C, H, W, B].

    Padding is never the largest. The gradient goes to the first of several largest numbers, row by
    row, as in PyTorch.
    """
    return reduce(jnp.maximum, _views(x, (size, size), stride, padding, fill=-jnp.inf))


def _max_pool_forward(x: Array, size: int, stride: int, padding: Pads):
    y = max_pool(x, size, stride, padding)
    return y, (x, y)


def _max_pool_backward(size: int, stride: int, padding: Pads, residuals, g: Array):
    """A hand-written gradient: XLA's own is a scatter, nine times slower on CPUs inside a loop."""
    x, y = residuals
    window = (size, size)
    free, parts = jnp.ones(g.shape, bool), []
    for view in _views(x, window, stride, padding, fill=-jnp.inf):
        hit = free & (view == y)
        free &= ~hit
        parts.append(jnp.where(hit, g, 0))
    return jax.linear_transpose(lambda x: _views(x, window, stride, padding), x)(parts)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def _views(
    x: Array,
    kernel: Sequence[int],
    stride: int,
    padding: Pads,
    dilation: int = 1,
    fill: float = 0.0,
) -> list[Array]:
    """Returns the view of each tap, [C, H', W', B], row by row; fill: the value of the padding."""
    x = lax.pad(x, jnp.asarray(fill, x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])
    reach = [dilation * (k - 1) for k in kernel]
    ends = [(n - 1 - r) // stride * stride + 1 for n, r in zip(x.shape[1:3], reach, strict=True)]
    starts = product(*(range(0, r + 1, dilation) for r in reach))
    return [x[:, i : i + ends[0] : stride, j : j + ends[1] : stride] for i, j in starts]


def _total(parts: Sequence[Array]) -> Array:
    return sum(parts[1:], parts[0])
