"""Linear layers, by kernels and by XLA, against NumPy in float64: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops.linear import linear

CASES = [(1, 1), (3, 7), (17, 6), (64, 13), (130, 33), (300, 5)]  # units in, out


def arrays_of(units, out, images):
    rng = np.random.default_rng(0)
    shapes = (units, images), (out, units), (out,), (out, images)
    return [rng.normal(size=shape) for shape in shapes]


def both(x, w, bias, g, live=None):
    y, back = jax.vjp(lambda *args: linear(*args, live), x, w, bias)
    return y, *back(g)


@pytest.mark.parametrize(  # images: whole vectors, a rest, both
    ("way", "images"),
    [("xla", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_linear_equals_float64_reference(case, images, way):
    x, w, bias, g = arrays_of(*case, images)
    found = jax.jit(both)(*map(jnp.float32, (x, w, bias, g)))
    expected = w @ x + bias[:, None], w.T @ g, g @ x.T, g.sum(1)
    for own, true in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, true, rtol=1e-5, atol=2e-6 * np.abs(true).max())


@pytest.mark.parametrize("images", [5, 64])
def test_units_that_are_not_live_are_zeros_and_change_nothing(images, way):
    x, w, bias, g = arrays_of(150, 20, images)
    narrow = [jnp.float32(a) for a in (x[:141], w[:18, :141], bias[:18], g[:18])]
    padded = [
        jnp.zeros(whole.shape, jnp.float32).at[tuple(map(slice, own.shape))].set(own)
        for whole, own in zip((x, w, bias, g), narrow, strict=True)
    ]
    alone = jax.jit(both)(*narrow)
    wide = jax.jit(both)(*padded, jnp.array([141, 18], jnp.int32))
    for own, whole in zip(alone, wide, strict=True):
        front = tuple(map(slice, own.shape))
        if way == "kernels":
            np.testing.assert_array_equal(whole[front], own)
        else:
            np.testing.assert_allclose(whole[front], own, rtol=1e-5, atol=1e-5)
        assert not np.any(whole.at[front].set(0))
