"""Convolution as matrix products on patches, in a batch-minor, cache-tiled layout.

Activations are kept as [G, C, H, W, b]: G tiles of b images, images innermost. A slice of a
feature map is then a long contiguous run, and the patches of one tile fit a core's cache. The
gradients that JAX derives from XLA's own convolution take an un-optimised path inside a loop on
CPU, about ten times slower; on accelerators G is 1 and the products are batched over members.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax

Pad: TypeAlias = tuple[int, int]


def conv(
    x: Array, w: Array, *, stride: int = 1, padding: Pad = (0, 0), input_grad: bool = True
) -> Array:
    """Convolves each image with one kernel: x [G, C, H, W, b], w [O, k, k, C] -> [G, O, H', W', b].

    padding: rows and columns added (before, after); H' = (H + sum(padding) - k) // stride + 1.
    input_grad=False leaves the gradient of x out (zeros): the first layer needs none.
    """
    return _conv(x, w, stride, padding, input_grad)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Array:
    k = w.shape[1]
    matrix = w.reshape(w.shape[0], -1)
    return over_tiles(lambda tile: _product(matrix, patches(tile, k, stride, pad)), x)


def _conv_forward(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool):
    return _conv(x, w, stride, pad, input_grad), (x, w)


def _conv_backward(stride: int, pad: Pad, input_grad: bool, residuals, g: Array):
    x, w = residuals  # patches are made again: keeping them would push the step out of the cache
    k = w.shape[1]

    def tile(total: Array, xg: tuple[Array, Array]) -> tuple[Array, Array | None]:
        x_tile, g_tile = xg
        cols = patches(x_tile, k, stride, pad)
        flat_g = g_tile.reshape(g_tile.shape[0], -1)
        total = total + jnp.einsum("kn,on->ko", cols.reshape(cols.shape[0], -1), flat_g)
        return total, _input_gradient(g_tile, w, x_tile.shape, stride, pad) if input_grad else None

    start = jnp.zeros((w[0].size, w.shape[0]), w.dtype)
    if x.shape[0] == 1:
        dw, dx = tile(start, (x[0], g[0]))
        dx = dx[None] if dx is not None else None
    else:
        dw, dx = lax.scan(tile, start, (x, g))
    return (dx if dx is not None else jnp.zeros_like(x)), dw.T.reshape(w.shape)


_conv.defvjp(_conv_forward, _conv_backward)


def over_tiles(function: Callable[[Array], Array], x: Array) -> Array:
    """Applies a function to each of the G tiles of x [G, ...], one after another."""
    return function(x[0])[None] if x.shape[0] == 1 else lax.map(function, x)


def patches(x: Array, k: int, stride: int, pad: Pad) -> Array:
    """Lines up what each output pixel sees: [C, H, W, b] -> [k*k*C, H', W', b].

    The first axis is ordered (row, column, channel).
    """
    if k == 1 and pad == (0, 0):
        return x[:, ::stride, ::stride]
    x = jnp.pad(x, ((0, 0), pad, pad, (0, 0)))
    height, width = ((n - k) // stride + 1 for n in x.shape[1:3])
    rows, columns = (height - 1) * stride + 1, (width - 1) * stride + 1
    taps = [
        x[:, i : i + rows : stride, j : j + columns : stride] for i in range(k) for j in range(k)
    ]
    return jnp.concatenate(taps, 0)


def _product(matrix: Array, cols: Array) -> Array:
    return (matrix @ cols.reshape(cols.shape[0], -1)).reshape(matrix.shape[0], *cols.shape[1:])


def _input_gradient(g: Array, w: Array, shape: tuple[int, ...], stride: int, pad: Pad) -> Array:
    """Gradient of x [C, H, W, b], from that of the output g [O, H', W', b].

    Input pixels whose index has the same remainder modulo the stride (a phase) see the same taps,
    so each phase is a plain convolution of g; interleaving the phases takes the place of a
    scattered sum.
    """
    channels, height, width, _ = shape
    if w.shape[1] == 1 and pad == (0, 0):
        small = _product(w.reshape(w.shape[0], -1).T, g)
        grow = [
            (0, n - ((m - 1) * stride + 1), stride - 1)
            for n, m in zip((height, width), g.shape[1:3], strict=True)
        ]
        return lax.pad(small, jnp.zeros((), g.dtype), [(0, 0, 0), *grow, (0, 0, 0)])
    grid = [
        [_phase(g, w, (height, width), stride, pad, (r, c)) for c in range(stride)]
        for r in range(stride)
    ]
    if stride == 1:
        return grid[0][0]
    rows = jnp.stack([jnp.stack(row, axis=3) for row in grid], axis=2)
    return rows.reshape(channels, rows.shape[1] * stride, -1, g.shape[-1])[:, :height, :width]


def _phase(
    g: Array, w: Array, size: tuple[int, int], stride: int, pad: Pad, remainder: tuple[int, int]
) -> Array:
    """The input gradient at pixels (remainder + stride * q), q < ceil(size / stride)."""
    k, channels = w.shape[1], w.shape[3]
    firsts = [(r + pad[0]) % stride for r in remainder]
    taps = [len(range(first, k, stride)) for first in firsts]
    counts = [-(-n // stride) for n in size]
    if 0 in taps:
        return jnp.zeros((channels, *counts, g.shape[-1]), g.dtype)
    edges = []
    for r, first, t, count, m in zip(remainder, firsts, taps, counts, g.shape[1:3], strict=True):
        shift = (r + pad[0] - first) // stride
        edges.append((t - 1 - shift, count + shift - m, 0))
    padded = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    cols = jnp.concatenate(
        [
            padded[:, i : i + counts[0], j : j + counts[1]]
            for i in range(taps[0])
            for j in range(taps[1])
        ],
        0,
    )
    kernel = w[:, firsts[0] :: stride, firsts[1] :: stride][:, ::-1, ::-1]
    return _product(kernel.transpose(3, 1, 2, 0).reshape(channels, -1), cols)
