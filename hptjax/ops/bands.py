"""Convolution as matrix products on bands, used where there are no kernels. Maps: [C, H, W, B].

Of the k x k taps, only the k rows are laid side by side (a band); each of the k columns is a
product, which is shifted and added. A band copies k*C numbers a pixel, patches copy k*k*C, and the
products stay large enough to run at nearly the machine's full rate. Both gradients have the same
form. The gradients that JAX derives from XLA's own convolution take an unoptimized path inside a
loop on CPUs, about ten times slower.

Products of maps in bfloat16 are stored in bfloat16, for they are most of what a step writes, and
added up in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops.moves import Pad

FEW_CHANNELS = 4  # bands of so few channels give too small products: patches are used instead


@dataclass(frozen=True)
class _Columns:
    """Taps that read the same columns of the padded image: start, start + stride, ...

    taps: columns of the kernel. shifts: for each tap, how many of these image columns it skips.
    """

    start: int
    width: int
    taps: tuple[int, ...]
    shifts: tuple[int, ...]


def _columns(k: int, stride: int, pad: Pad, width: int, out: int) -> list[_Columns]:
    """Without a stride all taps read all unpadded columns; zeros stand for those they miss."""
    if stride == 1:
        return [_Columns(pad[0], width, tuple(range(k)), tuple(j - pad[0] for j in range(k)))]
    groups = [tuple(range(r, k, stride)) for r in range(min(k, stride))]
    return [
        _Columns(taps[0], out + len(taps) - 1, taps, tuple(range(len(taps)))) for taps in groups
    ]


def output_size(maps: Sequence[int], k: int, stride: int, pad: Pad) -> tuple[int, int]:
    """Returns the height and width of the result, for maps of shape [C, H, W, B]."""
    height, width = ((n + sum(pad) - k) // stride + 1 for n in maps[1:3])
    return height, width


def convolve(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Array:
    """Does what `ops.conv.conv` does."""
    k = w.shape[1]
    height, width = output_size(x.shape, k, stride, pad)
    if by_patches(x, w, input_grad):
        return _product(_flat(w), patches(x, k, stride, pad))
    parts = []
    for columns in _columns(k, stride, pad, x.shape[2], width):
        taps = matrix(w, columns.taps)
        out = _product(taps, _bands(x, columns, k, stride, pad, height))
        out = out.reshape(len(columns.taps), w.shape[0], *out.shape[1:])
        parts += [_shift(z, d, width) for z, d in zip(out, columns.shifts, strict=True)]
    wide = [part.astype(jnp.float32) for part in parts]
    return sum(wide[1:], wide[0])


def gradients(
    x: Array, w: Array, g: Array, stride: int, pad: Pad, input_grad: bool
) -> tuple[Array, Array]:
    """Returns the gradients of x and w. g: the gradient of the result.

    Without input_grad the gradient of x is zeros. Bands are built again: kept, they would push the
    training step out of the cache.
    """
    k, height = w.shape[1], g.shape[1]
    if by_patches(x, w, input_grad):
        return jnp.zeros_like(x), outer(g, patches(x, k, stride, pad)).reshape(w.shape)
    dw: dict[int, Array] = {}
    planes = []
    for columns in _columns(k, stride, pad, x.shape[2], g.shape[2]):
        bands = _bands(x, columns, k, stride, pad, height)
        g_taps = jnp.concatenate([_shift(g, -d, columns.width) for d in columns.shifts], 0)
        parts = outer(g_taps, bands).reshape(-1, w.shape[0], k, w.shape[3])
        dw |= dict(zip(columns.taps, parts, strict=True))
        if input_grad:
            rows = _product(matrix(w, columns.taps).T, g_taps).astype(jnp.float32)
            planes.append(_add_rows(rows.reshape(k, -1, *rows.shape[1:]), stride, pad, x.shape[1]))
    dx = _interleave(planes, stride, pad, x.shape[2]) if input_grad else jnp.zeros_like(x)
    return dx, jnp.stack([dw[j] for j in range(k)], 2)


def by_patches(x: Array, w: Array, input_grad: bool) -> bool:
    """Tells whether x has so few channels that all taps are laid side by side, not a band."""
    return not input_grad and x.shape[0] <= FEW_CHANNELS and w.shape[1] > 1


def patches(x: Array, k: int, stride: int, pad: Pad) -> Array:
    """Lines up the pixels that each output pixel reads: [C, H, W, B] -> [k*k*C, H', W', B].

    The first axis is ordered (row, column, channel).
    """
    height, width = output_size(x.shape, k, stride, pad)
    x = jnp.pad(x, ((0, 0), pad, pad, (0, 0)))
    rows, columns = (height - 1) * stride + 1, (width - 1) * stride + 1
    return jnp.concatenate(
        [x[:, i : i + rows : stride, j : j + columns : stride] for i in range(k) for j in range(k)],
        0,
    )


def _bands(x: Array, columns: _Columns, k: int, stride: int, pad: Pad, height: int) -> Array:
    """Returns the k rows that each output row reads, [k*C, H', width, B], at some columns."""
    rows = (height - 1) * stride + 1
    edge = (0, 0) if stride == 1 else (pad[0], _missing(x.shape[2], columns, stride, pad))
    x = _pad(x, rows=(pad[0], rows - 1 + k - x.shape[1] - pad[0]), columns=edge)
    if stride > 1:
        x = x[:, :, columns.start : columns.start + (columns.width - 1) * stride + 1 : stride]
    return jnp.concatenate([x[:, i : i + rows : stride] for i in range(k)], 0)


def _missing(width: int, columns: _Columns, stride: int, pad: Pad) -> int:
    return (columns.width - 1) * stride + columns.start + 1 - width - pad[0]


def _add_rows(rows: Array, stride: int, pad: Pad, height: int) -> Array:
    """Adds the gradients of a band, [k, C, H', ...] -> [C, height, ...], to the rows it read.

    The same taps read the rows with the same remainder modulo the stride (a phase).
    """
    count = -(-(height + pad[0]) // stride)
    phases = []
    for r in range(stride):
        parts = [
            _pad(rows[i], rows=(t, count - t - rows.shape[2]))
            for t, i in enumerate(range(r, rows.shape[0], stride))
        ]
        phases.append(sum(parts[1:], parts[0]) if parts else None)
    return _weave(phases, 1)[:, pad[0] : pad[0] + height]


def _interleave(planes: Sequence[Array], stride: int, pad: Pad, width: int) -> Array:
    """Puts the columns of each group of taps back into their places among the other columns."""
    if stride == 1:
        return planes[0]
    count = -(-(width + pad[0]) // stride)
    even = [_pad(plane, columns=(0, count - plane.shape[2])) for plane in planes]
    return _weave(even + [None] * (stride - len(even)), 2)[:, :, pad[0] : pad[0] + width]


def _weave(phases: Sequence[Array | None], axis: int) -> Array:
    """Interleaves arrays along an axis; None stands for zeros."""
    if len(phases) == 1 and phases[0] is not None:
        return phases[0]
    like = next(phase for phase in phases if phase is not None)
    filled = [jnp.zeros_like(like) if phase is None else phase for phase in phases]
    shape = list(like.shape)
    shape[axis] *= len(filled)
    return jnp.stack(filled, axis + 1).reshape(shape)


def _pad(x: Array, rows: Pad = (0, 0), columns: Pad = (0, 0)) -> Array:
    """Adds rows and columns of zeros; negative numbers remove rows and columns."""
    zero = jnp.zeros((), x.dtype)
    return lax.pad(x, zero, [(0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)])


def _shift(x: Array, by: int, width: int) -> Array:
    """Returns `width` columns of x from column `by` on; zeros where x has no column."""
    if by == 0 and width == x.shape[2]:
        return x
    return _pad(x, columns=(-by, width + by - x.shape[2]))


def matrix(w: Array, columns: Sequence[int]) -> Array:
    """Returns the kernel at some columns as a matrix [columns * O, k * C]."""
    taps = jnp.stack([w[:, :, j] for j in columns])
    return taps.reshape(len(columns) * w.shape[0], -1)


def _flat(w: Array) -> Array:
    return w.reshape(w.shape[0], -1)


def _product(matrix: Array, maps: Array) -> Array:
    return (matrix @ maps.reshape(maps.shape[0], -1)).reshape(matrix.shape[0], *maps.shape[1:])


def outer(a: Array, b: Array) -> Array:
    """Sums all products over pixels and images: [A, ...], [B, ...] -> [A, B]."""
    flat = b.reshape(b.shape[0], -1), a.reshape(a.shape[0], -1)
    return jnp.einsum("bn,an->ab", *flat, preferred_element_type=jnp.float32)
