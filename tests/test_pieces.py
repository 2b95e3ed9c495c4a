"""A vector cut into arrays and joined again, by a kernel and by XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops.pieces import join, split

SHAPES = [(3, 2), (), (5,), (0, 4), (2, 1, 3)]


def test_arrays_lie_one_after_another(way):
    vector = jnp.arange(20.0)
    parts = jax.jit(lambda v: split(v, SHAPES))(vector)
    expected = np.split(np.arange(18.0), [6, 7, 12, 12])
    assert [part.shape for part in parts] == SHAPES
    for part, own in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part.reshape(-1), own)
    np.testing.assert_array_equal(jax.jit(join)(parts), vector[:18])


def test_members_side_by_side(way):
    vectors = jnp.arange(40.0).reshape(2, 20)
    parts = jax.vmap(lambda v: split(v, SHAPES))(vectors)
    assert [part.shape for part in parts] == [(2, *shape) for shape in SHAPES]
    np.testing.assert_array_equal(jax.vmap(join)(parts), vectors[:, :18])


def test_no_arrays_make_an_empty_vector(way):
    assert split(jnp.zeros(3), []) == []
    assert join([]).shape == (0,)


def test_a_vector_that_is_too_short_is_refused(way):
    with pytest.raises(ValueError, match="18 numbers cannot lie in 17"):
        split(jnp.zeros(17), SHAPES)
