"""Dropout draws what jax.random.uniform draws, by the kernel too, and drops gradients alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops import native
from hptjax.ops.dropout import dropout

SHAPES = [(5, 3), (17, 64), (3, 83), (4, 3, 5, 64), (2, 3, 4, 85), (0, 4), (3, 0)]
KEY = jax.random.key(7, impl="threefry2x32")


def numbers(seed, shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.999])
def test_it_keeps_the_numbers_that_jax_would_keep(shape, rate, way):
    x, g = numbers(0, shape), numbers(1, shape)
    rate = np.float32(rate)
    keep = np.asarray(jax.random.uniform(KEY, shape)) >= rate
    y, back = jax.vjp(lambda x: dropout(x, jnp.asarray(rate), KEY), x)
    for got, given in ((y, x), (back(g)[0], g)):
        assert np.array_equal(got != 0, keep)
        np.testing.assert_allclose(got, np.where(keep, given / (1 - rate), 0), rtol=3e-7)


@pytest.mark.parametrize("shape", [(17, 64), (4, 3, 5, 7)], ids=str)
def test_padding_changes_nothing(shape, way):
    x = numbers(0, shape)
    padded = jnp.pad(x, [(0, 3), *[(0, 0)] * (len(shape) - 1)])
    narrow = dropout(x, jnp.float32(0.4), KEY)
    wide = dropout(padded, jnp.float32(0.4), KEY, live=shape[0])
    assert np.array_equal(wide[: shape[0]], narrow)
    assert not np.any(wide[shape[0] :])


def test_the_gradient_of_the_rate(way):
    x, g = numbers(0, (9, 8)), numbers(1, (9, 8))
    kept = np.asarray(jax.random.uniform(KEY, x.shape)) >= 0.3
    slope = jax.grad(lambda rate: (g * dropout(x, rate, KEY)).sum())(jnp.float32(0.3))
    np.testing.assert_allclose(slope, (kept * x * g).sum() / 0.7**2, rtol=1e-5)


def test_members_in_lanes_have_their_own_rates_and_keys(way):
    x, rates = numbers(0, (3, 6, 5)), jnp.array([0.0, 0.2, 0.9])
    keys = jax.random.split(KEY, 3)
    together = jax.vmap(dropout)(x, rates, keys)
    for i in range(3):
        assert np.array_equal(together[i], dropout(x[i], rates[i], keys[i]))


def test_other_generators_and_types_are_drawn_by_jax(way):
    x = numbers(0, (8, 6))
    other = jax.random.key(7, impl="rbg")
    keep = np.asarray(jax.random.uniform(other, x.shape)) >= 0.5
    assert np.array_equal(dropout(x, jnp.float32(0.5), other) != 0, keep)
    halves = x.astype(jnp.bfloat16)
    assert dropout(halves, jnp.bfloat16(0.5), KEY).dtype == jnp.bfloat16


def test_wrong_live_units_are_refused():
    if not native.available():
        pytest.skip("this machine has no kernels")
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"within 0 .. C, got \[9\]"):
        dropout(numbers(0, (8, 6)), jnp.float32(0.5), KEY, live=9).block_until_ready()
