"""Convolution as products on bands of flat maps: [C, H*W*B], for a TPU.

A TPU stores the last two axes of an array in tiles of 8 x 128 numbers. More than half of the tiles
of maps [C, H, W, B] is then padding, and each product on [C, H*W*B] needs another order. Here maps
stay flat: the next row is W*B numbers further, the next column B numbers. Columns that a shift
carries over the border are masked. With a stride, the maps are first dealt to stride x stride
phases, each as large as the result; a tap reads one phase. Of maps in bfloat16 products are added
up in bfloat16, too: XLA would otherwise store them in float32.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops import bands
from hptjax.ops.moves import Pad

Taps: TypeAlias = Sequence[tuple[int, int]]
"""For each row, or column, of a kernel: its distance in pixels within its phase, and the phase."""
Phases: TypeAlias = dict[tuple[int, int], Array]


def fits(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> bool:
    """Tells whether `convolve` can compute it: the result must be as large as a phase."""
    size = bands.output_size(x.shape, w.shape[1], stride, pad)
    phase = tuple(-(-pixels // stride) for pixels in x.shape[1:3])
    return size == phase and not bands.by_patches(x, w, input_grad)


def convolve(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Array:
    """Does what `ops.bands.convolve` does."""
    taps = _taps(w.shape[1], stride, pad)
    height, width = bands.output_size(x.shape, w.shape[1], stride, pad)
    phases, images, parts = _phases(x, stride, taps), x.shape[3], []
    for phase, columns in _columns(taps).items():
        band = _band(phases, phase, taps, width * images)
        out = _parts(bands.matrix(w, columns) @ band, len(columns))
        shifts = [taps[j][0] for j in columns]
        parts += [_beside(z, by, width, images) for z, by in zip(out, shifts, strict=True)]
    return sum(parts[1:], parts[0]).reshape(w.shape[0], height, width, images)


def gradients(
    x: Array, w: Array, g: Array, stride: int, pad: Pad, input_grad: bool
) -> tuple[Array, Array]:
    """Does what `ops.bands.gradients` does."""
    k, (height, width, images) = w.shape[1], g.shape[1:]
    taps, row = _taps(k, stride, pad), width * images
    phases, flat = _phases(x, stride, taps), g.reshape(g.shape[0], -1)
    dw: dict[int, Array] = {}
    dx: Phases = {}
    for phase, columns in _columns(taps).items():
        shifts = [-taps[j][0] for j in columns]
        g_taps = jnp.concatenate([_beside(flat, by, width, images) for by in shifts], 0)
        parts = bands.outer(g_taps, _band(phases, phase, taps, row))
        dw |= dict(zip(columns, parts.reshape(-1, w.shape[0], k, w.shape[3]), strict=True))
        rows = _parts(bands.matrix(w, columns).T @ g_taps, k)
        for (by, of), part in zip(taps, rows, strict=True):
            moved = _shifted(part, -by * row)
            dx[of, phase] = dx[of, phase] + moved if (of, phase) in dx else moved
    shape = (height, width, images)
    whole = _woven(dx, stride, shape, x.shape) if input_grad else jnp.zeros_like(x)
    return whole, jnp.stack([dw[j] for j in range(k)], 2)


def _parts(x: Array, count: int) -> list[Array]:
    """Cuts x [count * C, N] into `count` arrays; a new axis would have another layout."""
    size = x.shape[0] // count
    return [x[i * size : (i + 1) * size] for i in range(count)]


def _taps(k: int, stride: int, pad: Pad) -> Taps:
    return [divmod(i - pad[0], stride) for i in range(k)]


def _columns(taps: Taps) -> dict[int, tuple[int, ...]]:
    """Returns the columns of a kernel for each phase that they read."""
    phases = sorted({phase for _, phase in taps})
    return {p: tuple(j for j, (_, phase) in enumerate(taps) if phase == p) for p in phases}


def _phases(x: Array, stride: int, taps: Taps) -> Phases:
    """Returns the flat pixels of each phase that a tap reads, by their first row and column."""
    if stride > 1:
        x = jnp.pad(x, ((0, 0), *((0, -pixels % stride) for pixels in x.shape[1:3]), (0, 0)))
    read = sorted({phase for _, phase in taps})
    return {(i, j): x[:, i::stride, j::stride].reshape(len(x), -1) for i in read for j in read}


def _band(phases: Mapping[tuple[int, int], Array], column: int, taps: Taps, row: int) -> Array:
    """Returns the rows that the rows of a kernel read, side by side: [k*C, N]."""
    return jnp.concatenate([_shifted(phases[phase, column], by * row) for by, phase in taps], 0)


def _shifted(x: Array, by: int) -> Array:
    """Returns each row of x [C, N] from number `by` on; zeros where the row has ended."""
    return x if by == 0 else lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (-by, by, 0)])


def _beside(x: Array, by: int, width: int, images: int) -> Array:
    """Returns the pixels `by` columns further in x [C, H*width*images]; zeros beyond the border."""
    if by == 0:
        return x
    column = jnp.arange(x.shape[1]) // images % width + by
    return jnp.where((column >= 0) & (column < width), _shifted(x, by * images), 0)


def _woven(phases: Phases, stride: int, size: Sequence[int], shape: Sequence[int]) -> Array:
    """Joins phases, [C, H', W', B] of this size, to maps of a shape; missing ones are zeros."""
    channels, (height, width, images) = shape[0], size
    if stride == 1:
        return phases[0, 0].reshape(shape)
    own = {key: part.reshape(channels, *size) for key, part in phases.items()}
    zeros = jnp.zeros_like(next(iter(own.values())))
    places = range(stride)
    rows = [jnp.stack([own.get((i, j), zeros) for j in places], 3) for i in places]
    whole = jnp.stack(rows, 2).reshape(channels, height * stride, width * stride, images)
    return whole[:, : shape[1], : shape[2]]
