"""Convolution as products on bands of flat maps: [C, H*W*B], for a TPU.

A TPU lays the last two axes of an array out in tiles of 8 x 128 numbers: of maps [C, H, W, B] more
than half is filling, and each product on [C, H*W*B] needs them in another order. Here maps stay
flat: a row further is W*B numbers, a column further B, and columns that a shift carries over the
border are masked. With a stride the maps are dealt to stride x stride phases first, each as large
as the result; a tap reads one phase.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops import bands
from hptjax.ops.moves import Pad

Taps: TypeAlias = Sequence[tuple[int, int]]
"""Of each row, or column, of a kernel: how many pixels of its phase further, and which phase."""
Phases: TypeAlias = dict[tuple[int, int], Array]


def fits(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> bool:
    """Whether `convolve` takes a convolution: its result must be as large as a phase."""
    size = bands.output_size(x.shape, w.shape[1], stride, pad)
    phase = tuple(-(-pixels // stride) for pixels in x.shape[1:3])
    return size == phase and not bands.by_patches(x, w, input_grad)


def convolve(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Array:
    """As `ops.bands.convolve`."""
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
    """As `ops.bands.gradients`."""
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
    """x [count * C, N] as so many arrays; an axis of its own would be another layout."""
    size = x.shape[0] // count
    return [x[i * size : (i + 1) * size] for i in range(count)]


def _taps(k: int, stride: int, pad: Pad) -> Taps:
    return [divmod(i - pad[0], stride) for i in range(k)]


def _columns(taps: Taps) -> dict[int, tuple[int, ...]]:
    """The columns of a kernel by the phase that they read."""
    phases = sorted({phase for _, phase in taps})
    return {p: tuple(j for j, (_, phase) in enumerate(taps) if phase == p) for p in phases}


def _phases(x: Array, stride: int, taps: Taps) -> Phases:
    """The pixels of each phase that a tap reads, flat, by their first row and column."""
    if stride > 1:
        x = jnp.pad(x, ((0, 0), *((0, -pixels % stride) for pixels in x.shape[1:3]), (0, 0)))
    read = sorted({phase for _, phase in taps})
    return {(i, j): x[:, i::stride, j::stride].reshape(len(x), -1) for i in read for j in read}


def _band(phases: Mapping[tuple[int, int], Array], column: int, taps: Taps, row: int) -> Array:
    """[k*C, N]: the rows that the rows of a kernel read, side by side."""
    return jnp.concatenate([_shifted(phases[phase, column], by * row) for by, phase in taps], 0)


def _shifted(x: Array, by: int) -> Array:
    """The numbers by, by + 1, ... of each row of x [C, N]; zeros where it has none."""
    return x if by == 0 else lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (-by, by, 0)])


def _beside(x: Array, by: int, width: int, images: int) -> Array:
    """The pixels so many columns further, zeros beyond the border; x [C, H*width*images]."""
    if by == 0:
        return x
    column = jnp.arange(x.shape[1]) // images % width + by
    return jnp.where((column >= 0) & (column < width), _shifted(x, by * images), 0)


def _woven(phases: Phases, stride: int, size: Sequence[int], shape: Sequence[int]) -> Array:
    """Maps of a shape from their phases, each [C, H', W', B] of this size; missing ones: zeros."""
    channels, (height, width, images) = shape[0], size
    if stride == 1:
        return phases[0, 0].reshape(shape)
    own = {key: part.reshape(channels, *size) for key, part in phases.items()}
    zeros = jnp.zeros_like(next(iter(own.values())))
    places = range(stride)
    rows = [jnp.stack([own.get((i, j), zeros) for j in places], 3) for i in places]
    whole = jnp.stack(rows, 2).reshape(channels, height * stride, width * stride, images)
    return whole[:, : shape[1], : shape[2]]
