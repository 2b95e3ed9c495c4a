"""The max pool, by kernels and by taps, and its gradient against a loop over windows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops import native
from hptjax.ops.pool import max_pool

CASES = [
    # size, stride, (top, bottom), (left, right), height, width, channels
    (1, 1, (0, 0), (0, 0), 5, 4, 3),
    (1, 3, (0, 0), (0, 0), 8, 7, 2),
    (2, 2, (0, 0), (0, 0), 7, 8, 3),  # the last row is not read
    (3, 1, (1, 1), (1, 1), 5, 6, 5),
    (3, 2, (1, 1), (1, 1), 9, 8, 2),
    (3, 2, (0, 1), (1, 0), 6, 7, 4),
    (2, 4, (0, 0), (0, 0), 9, 10, 2),  # pixels between the windows
    (4, 3, (2, 2), (2, 2), 7, 5, 1),
]


def by_windows(x, size, stride, rows, columns):
    """Returns the result, and for each of its numbers the first pixel that is largest."""
    ends = [(0, 0), rows, columns, (0, 0)]
    wide = np.pad(x, ends, constant_values=-np.inf)
    height, width = ((n - size) // stride + 1 for n in wide.shape[1:3])
    y = np.zeros((len(x), height, width, x.shape[3]), np.float32)
    place = np.zeros((*y.shape, 2), int)
    for h in range(height):
        for q in range(width):
            top, left = h * stride, q * stride
            window = wide[:, top : top + size, left : left + size]
            flat = window.reshape(len(x), size * size, -1)
            first = flat.argmax(1)
            y[:, h, q] = flat.max(1)
            place[:, h, q] = np.stack(
                [top - rows[0] + first // size, left - columns[0] + first % size], -1
            )
    return y, place


@pytest.mark.parametrize(
    ("way", "images"),
    [("xla", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_and_its_gradient_equal_a_loop_over_windows(case, images, way):
    size, stride, rows, columns, height, width, channels = case
    rng = np.random.default_rng(0)
    # whole numbers: often several are largest
    x = rng.integers(-3, 3, (channels, height, width, images)).astype(np.float32)
    y, place = by_windows(x, size, stride, rows, columns)
    g = rng.integers(-9, 9, y.shape).astype(np.float32)
    dx = np.zeros_like(x)
    for c, h, q, b in np.ndindex(*y.shape):
        dx[c, *place[c, h, q, b], b] += g[c, h, q, b]

    def run(x, g):
        options = {"size": size, "stride": stride, "padding": (rows, columns)}
        y, back = jax.vjp(lambda x: max_pool(x, **options), x)
        return y, *back(g)

    for got, want in zip(jax.jit(run)(x, g), (y, dx), strict=True):
        np.testing.assert_array_equal(got, want)


def test_nan_is_the_largest_and_passes_nothing_back(way):
    x = jnp.zeros((2, 4, 4, 17)).at[0, 1, 1].set(jnp.nan).at[0, 2, 2].set(jnp.inf)
    options = {"size": 2, "stride": 2, "padding": ((0, 0), (0, 0))}
    y, back = jax.vjp(lambda x: max_pool(x, **options), x)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isposinf(y[0, 1, 1]).all()
    assert not np.isnan(y[1]).any()
    dx = back(jnp.ones_like(y))[0]
    np.testing.assert_array_equal(dx[0, :2, :2], 0)
    np.testing.assert_array_equal(dx[0, 2, 2], 1)


@pytest.mark.parametrize("live", [0, 2])
def test_channels_that_are_not_live_are_zeros_and_are_not_computed(live):
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    x = jnp.ones((3, 5, 5, 16)).at[live:].set(jnp.nan)
    options = {"size": 3, "stride": 1, "padding": ((1, 1), (0, 0))}
    y, back = jax.vjp(lambda x: max_pool(x, jnp.int32(live), **options), x)
    (dx,) = back(jnp.ones_like(y))
    for padded, total in ((y, 15), (dx, 15)):
        np.testing.assert_array_equal(padded[live:], 0)
        assert padded[:live].sum() == live * 16 * total


@pytest.mark.parametrize(
    ("x", "live", "options", "message"),
    [
        (jnp.ones((4, 4, 2)), None, {}, "maps must have the shape"),
        (jnp.ones((3, 4, 4, 2)), None, {"size": 0}, "size of a window must be at least 1"),
        (jnp.ones((3, 4, 4, 2)), None, {"stride": 0}, "at least 1"),
        (jnp.ones((3, 4, 4, 2)), None, {"size": 5}, "fit into the padded"),
        (jnp.ones((3, 4, 4, 2)), None, {"padding": ((0, -1), (0, 0))}, "not negative"),
        (jnp.ones((3, 4, 4, 2)), jnp.int32(4), {}, "live must be within"),
    ],
)
def test_a_pool_without_a_result_is_refused(x, live, options, message, way):
    with pytest.raises(ValueError, match=message):
        max_pool(x, live, **{"size": 2, "stride": 2, "padding": ((0, 0), (0, 0)), **options})
