"""Batch norm, by kernels and by XLA, against its definition in float64: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops.norm import EPSILON, normalise, normalise_by, running_statistics
from hptjax.ops.norm_pair import normalised_sum


def by_definition(x, scale, shift, axis, relu):
    others = tuple(i for i in range(x.ndim) if i != axis)
    wide = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    mean, var = x.mean(others, keepdims=True), x.var(others, keepdims=True)
    y = (x - mean) / jnp.sqrt(var + EPSILON) * scale.reshape(wide) + shift.reshape(wide)
    return jnp.maximum(y, 0) if relu else y


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 3, 4, 64), 0), ((2, 3, 3, 19), 0), ((6, 32), 0), ((8, 3, 3, 5), 3)]
)
def test_normalise_equals_float64_definition(shape, axis, relu, way):
    rng = np.random.default_rng(0)
    channels = shape[axis]
    x = 2 * rng.normal(size=shape) + 3 * rng.normal(size=channels).reshape(
        [-1 if i == axis else 1 for i in range(len(shape))]
    )
    scale, shift = rng.normal(size=channels), rng.normal(size=channels)
    g = rng.normal(size=shape)

    def both(function):
        y, back = jax.vjp(function, *(jnp.asarray(a) for a in (x, scale, shift)))
        return y, *back(jnp.asarray(g, y.dtype))

    with jax.enable_x64(True):
        wanted = both(lambda *a: by_definition(*a, axis, relu))
        wanted = [np.asarray(a) for a in wanted]
    got = both(lambda *a: normalise(*(v.astype(jnp.float32) for v in a), axis, relu)[0])
    for ours, want in zip(got, wanted, strict=True):
        np.testing.assert_allclose(ours, want, atol=2e-5 * np.abs(want).max())


def test_far_means_do_not_cancel(way):
    x = jnp.float32(np.random.default_rng(0).normal(1e4, 1, size=(2, 4, 4, 32)))
    _, mean, var = normalise(x, jnp.ones(2), jnp.zeros(2), 0)
    np.testing.assert_allclose(mean, np.float64(x).mean((1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var, np.float64(x).var((1, 2, 3)), rtol=1e-3)


def test_nan_stays_nan_after_relu(way):
    x = jnp.ones((2, 2, 2, 16)).at[1, 0, 0, 0].set(jnp.nan)
    y, _, _ = normalise(x, jnp.ones(2), jnp.zeros(2), 0, relu=True)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).all()


def test_channels_that_are_not_live_are_zeros_and_change_nothing(way):
    x = jnp.float32(np.random.default_rng(4).normal(size=(3, 2, 2, 21)))
    scale, shift = jnp.arange(1.0, 4), jnp.array([0.5, -0.5, 0.0])

    def both(x, scale, shift, live):
        y, back = jax.vjp(lambda *a: normalise(*a, 0, True, live), x, scale, shift)
        return *y, *back((jnp.cos(y[0]), *y[1:]))

    def pad(a):
        return jnp.pad(a, [(0, 2), *[(0, 0)] * (a.ndim - 1)])

    wide = both(pad(x), pad(scale), pad(shift), jnp.int32(3))
    for got, want in zip(wide, both(x, scale, shift, None), strict=True):
        np.testing.assert_allclose(got[:3], want, rtol=1e-5, atol=1e-6)
    # of zeros, cos is 1: what comes back to the shift of a padded channel is cut off by its relu
    assert not any(np.any(got[3:]) for got in wide)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("images", [5, 64])
def test_given_statistics_normalise_as_the_definition_says(images, relu, way):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6, 3, 4, images))
    mean, var, scale, shift = (rng.uniform(0.5, 2, 6) for _ in range(4))
    for array in (x, mean, var, scale, shift):
        array[4:] = 0
    arrays = [jnp.float32(array) for array in (x, mean, var, scale, shift)]
    y = jax.jit(lambda *args: normalise_by(*args, 0, relu, jnp.int32(4)))(*arrays)
    wide = (-1, 1, 1, 1)
    line = scale / np.sqrt(var + EPSILON)
    expected = (x - mean.reshape(wide)) * line.reshape(wide) + shift.reshape(wide)
    expected = np.maximum(expected, 0) if relu else expected
    np.testing.assert_allclose(y[:4], expected[:4], rtol=1e-5, atol=1e-5)
    assert not np.any(y[4:])


@pytest.mark.parametrize("count", [1, 64])
def test_running_statistics_move_a_tenth_of_the_way(count, way):
    rng = np.random.default_rng(5)
    old, new = ([jnp.float32(rng.uniform(0.5, 2, 7)) for _ in range(2)] for _ in range(2))
    bias = jnp.float32(rng.normal(size=7))
    step = jax.jit(lambda old, new, bias: running_statistics(old, new, bias, count))
    mean, var = step(tuple(old), tuple(new), bias)
    true = np.asarray(new[1], float) * (count / (count - 1) if count > 1 else 0)
    np.testing.assert_allclose(mean, 0.9 * old[0] + 0.1 * (new[0] + bias), rtol=1e-5)
    np.testing.assert_allclose(var, 0.9 * old[1] + 0.1 * true, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 3, 4, 64), (2, 3, 3, 19)])
def test_the_sum_of_two_norms_equals_its_float64_definition(shape, way):
    rng = np.random.default_rng(6)
    channels = shape[0]
    x, z = rng.normal(size=shape), 3 * rng.normal(size=shape) + 1
    lines = [rng.normal(size=channels) for _ in range(4)]
    g = rng.normal(size=shape)

    def both(function):
        y, back = jax.vjp(function, *(jnp.asarray(a) for a in (x, z, *lines)))
        return y, *back(jnp.asarray(g, y.dtype))

    def defined(x, z, *lines):
        own = by_definition(x, *lines[:2], 0, False)
        return jnp.maximum(own + by_definition(z, *lines[2:], 0, False), 0)

    def ours(x, z, *lines):
        return normalised_sum(x, z, lines[:2], lines[2:], jnp.int32(channels))

    with jax.enable_x64(True):
        wanted = [np.asarray(a) for a in both(defined)]
    single = [jnp.float32(a) for a in (x, z, *lines)]
    got = both(lambda *arrays: ours(*(a.astype(jnp.float32) for a in arrays))[0])
    for own, want in zip(got, wanted, strict=True):
        np.testing.assert_allclose(own, want, atol=2e-5 * np.abs(want).max())
    _, *found = ours(*single)
    for array, (mean, var) in zip((x, z), found, strict=True):
        np.testing.assert_allclose(mean, array.mean((1, 2, 3)), atol=1e-5)
        np.testing.assert_allclose(var, array.var((1, 2, 3)), rtol=1e-4)


def test_a_sum_of_norms_ignores_channels_that_are_not_live_and_keeps_nan(way):
    rng = np.random.default_rng(7)
    x, z = (jnp.float32(rng.normal(size=(3, 2, 2, 21))) for _ in range(2))
    lines = [jnp.float32(rng.normal(size=3)) for _ in range(4)]

    def both(x, z, lines, live):
        def function(x, z, *lines):
            return normalised_sum(x, z, lines[:2], lines[2:], jnp.int32(live))[0]

        y, back = jax.vjp(function, x, z, *lines)
        return y, *back(jnp.sin(y))

    def pad(a):
        return jnp.pad(a, [(0, 2), *[(0, 0)] * (a.ndim - 1)])

    wide = both(pad(x), pad(z), [pad(line) for line in lines], 3)
    for got, want in zip(wide, both(x, z, lines, 3), strict=True):
        np.testing.assert_allclose(got[:3], want, rtol=1e-5, atol=1e-6)
        assert not np.any(got[3:])
    y = both(x.at[1, 0, 0, 0].set(jnp.nan), z, lines, 3)[0]
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[0]).all()


def test_a_sum_of_norms_takes_maps_of_one_shape():
    x, line = jnp.ones((2, 3, 3, 4)), (jnp.ones(2), jnp.zeros(2))
    with pytest.raises(ValueError, match="must have one shape"):
        normalised_sum(x, x[:, :2], line, line, jnp.int32(2))
