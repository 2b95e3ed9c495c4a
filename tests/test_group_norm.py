"""Norms over groups of channels, by kernels and by XLA, against autograd in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops import native
from hptjax.ops.group_norm import normalise_groups, normalise_maps
from hptjax.ops.norm import EPSILON

CASES = [
    # groups (None: each map is one), live channels, shape without images
    (1, 5, (5, 4, 3)),
    (1, 4, (6, 3, 5)),
    (3, 6, (8, 4, 4)),
    (4, 8, (8, 2, 3)),
    (None, 3, (5, 4, 4)),
    (1, 20, (24,)),
    (2, 16, (16,)),
]


def reference(x, scale, shift, groups, live):
    """Uses only the live channels."""
    grouped = x.reshape(groups or live, -1, x.shape[-1])
    centred = grouped - grouped.mean(1, keepdims=True)
    y = centred / jnp.sqrt((centred**2).mean(1, keepdims=True) + EPSILON)
    wide = (-1, *(1,) * (x.ndim - 1))
    return y.reshape(x.shape) * scale.reshape(wide) + shift.reshape(wide)


def ours(x, scale, shift, groups, live):
    if groups is None:
        return normalise_maps(x, scale, shift, live)
    return normalise_groups(x, scale, shift, groups, live)


def both(function, arrays, g):
    y, back = jax.vjp(function, *arrays)
    return y, *back(g)


@pytest.mark.parametrize(
    ("way", "images"),
    [("xla", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_norms_of_images_equal_float64_reference(case, images, way):
    groups, live, shape = case
    rng = np.random.default_rng(0)
    shapes = (*shape, images), shape[:1], shape[:1], (*shape, images)
    # a mean far from zero: squares would cancel
    x, scale, shift, g = (30 * (k == 0) + rng.normal(size=s) for k, s in enumerate(shapes))
    narrow = [a[:live] for a in (x, scale, shift, g)]
    with jax.enable_x64(True):
        want = both(lambda *a: reference(*a, groups, live), narrow[:3], narrow[3])
        want = [np.asarray(a) for a in want]
    padded = [jnp.float32(a).at[live:].set(0) for a in (x, scale, shift, g)]
    run = jax.jit(lambda *a: both(lambda *a: ours(*a, groups, jnp.int32(live)), a[:3], a[3]))
    for got, own in zip(run(*padded), want, strict=True):
        np.testing.assert_array_equal(got[live:], 0)
        np.testing.assert_allclose(got[:live], own, atol=3e-5 * np.abs(own).max())


@pytest.mark.parametrize("groups", [1, 2, None])
def test_padded_maps_have_the_numbers_of_narrow_ones(groups):
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    rng = np.random.default_rng(1)
    shapes = (4, 5, 6, 19), (4,), (4,), (4, 5, 6, 19)
    narrow = [jnp.float32(rng.normal(size=shape)) for shape in shapes]
    padded = [jnp.pad(a, ((0, 3), *((0, 0),) * (a.ndim - 1))) for a in narrow]
    padded[0] = padded[0].at[4:].set(jnp.nan)  # is not computed
    results = [both(lambda *a: ours(*a, groups, 4), own[:3], own[3]) for own in (narrow, padded)]
    for exact, wide in zip(*results, strict=True):
        np.testing.assert_array_equal(wide[:4], exact)
        np.testing.assert_array_equal(wide[4:], 0)


def test_without_live_channels_the_result_is_zeros(way):
    arrays = jnp.zeros((4, 3, 3, 16)), jnp.zeros(4), jnp.zeros(4)
    for got in both(lambda *a: ours(*a, 2, jnp.int32(0)), arrays, jnp.zeros((4, 3, 3, 16))):
        np.testing.assert_array_equal(got, 0)


def test_live_channels_that_do_not_split_are_an_error_of_the_call():
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    run = jax.jit(lambda live: ours(jnp.ones((4, 3, 3, 16)), jnp.ones(4), jnp.ones(4), 2, live))
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT.*multiple of groups"):
        jax.block_until_ready(run(jnp.int32(3)))
