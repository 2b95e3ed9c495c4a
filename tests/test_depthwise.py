"""The depthwise convolution, by kernels and by taps, and its gradients against XLA in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops import native
from hptjax.ops.depthwise import depthwise

CASES = [
    # kernel, stride, dilation, (top, bottom), (left, right), height, width, channels
    ((1, 1), 1, 1, (0, 0), (0, 0), 5, 4, 3),
    ((1, 1), 3, 1, (0, 0), (0, 0), 8, 7, 2),
    ((3, 3), 1, 1, (1, 1), (1, 1), 7, 8, 3),
    ((3, 3), 2, 1, (1, 1), (1, 1), 7, 8, 5),
    ((3, 3), 1, 2, (2, 2), (2, 2), 7, 9, 3),
    ((3, 3), 2, 2, (0, 0), (2, 1), 9, 8, 2),
    ((3, 3), 3, 1, (0, 0), (0, 0), 10, 11, 2),  # the last row and column are not read
    ((2, 4), 1, 1, (0, 1), (1, 2), 6, 5, 2),
    ((5, 1), 2, 1, (2, 2), (0, 0), 9, 19, 3),
    ((7, 7), 1, 1, (3, 3), (3, 3), 5, 14, 2),
    ((7, 7), 3, 1, (3, 3), (3, 3), 14, 13, 1),
    ((2, 2), 5, 1, (1, 1), (1, 1), 9, 8, 4),  # some pixels are read by no result
    ((3, 3), 1, 1, (5, 4), (0, 6), 4, 4, 2),  # some results read padding alone
]


def results(function, x, w):
    def run(x, w):
        y, back = jax.vjp(function, x, w)
        # a cotangent that differs from place to place
        return y, *back(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    return jax.jit(run)(x, w)


@pytest.mark.parametrize(
    ("way", "images"),
    [("xla", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_depthwise_equals_float64_reference(case, images, way):
    kernel, stride, dilation, *padding, height, width, channels = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(channels, height, width, images))
    w = rng.normal(size=(channels, *kernel))

    def reference(x, w):
        y = jax.lax.conv_general_dilated(
            x.transpose(3, 0, 1, 2),
            w[:, None],
            (stride, stride),
            padding,
            rhs_dilation=(dilation, dilation),
            feature_group_count=channels,
        )
        return y.transpose(1, 2, 3, 0)

    with jax.enable_x64(True):
        wanted = [np.asarray(a) for a in results(reference, x, w)]
    options = {"stride": stride, "padding": tuple(padding), "dilation": dilation}
    ours = results(lambda x, w: depthwise(x, w, **options), jnp.float32(x), jnp.float32(w))
    for got, want in zip(ours, wanted, strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("live", [0, 2, 3])
def test_channels_that_are_not_live_are_zeros_and_change_nothing(live):
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    rng = np.random.default_rng(1)
    x, w = (jnp.float32(rng.normal(size=s)) for s in ((5, 6, 7, 19), (5, 3, 3)))
    options = {"padding": ((1, 1), (1, 1)), "stride": 2}
    padded = [a.at[live:].set(0) for a in (x, w)]
    got = results(lambda x, w: depthwise(x, w, jnp.int32(live), **options), *padded)
    for whole, narrow in zip(
        got, results(lambda x, w: depthwise(x, w, **options), x[:live], w[:live]), strict=True
    ):
        np.testing.assert_array_equal(whole[live:], 0)
        if (
            whole.ndim == 3
        ):  # the cotangent of a pixel does not depend on how many channels there are
            np.testing.assert_array_equal(whole[:live], narrow)


def test_padding_beyond_the_live_channels_is_not_read():
    """NaN in a dead channel stays there: it is not computed."""
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    x = jnp.ones((3, 4, 4, 16)).at[2].set(jnp.nan)
    y = depthwise(x, jnp.ones((3, 3, 3)), jnp.int32(2))
    np.testing.assert_array_equal(y, jnp.full((3, 2, 2, 16), 9.0).at[2].set(0))


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((jnp.ones((3, 4, 4)), jnp.ones((3, 3, 3))), {}, "maps must have the shape"),
        ((jnp.ones((3, 4, 4, 2)), jnp.ones((3, 3))), {}, "a kernel must have the shape"),
        ((jnp.ones((3, 4, 4, 2)), jnp.ones((2, 3, 3))), {}, "channels of its maps"),
        ((jnp.ones((3, 4, 4, 2)), jnp.ones((3, 3, 3))), {"stride": 0}, "at least 1"),
        ((jnp.ones((3, 4, 4, 2)), jnp.ones((3, 3, 3))), {"dilation": 2}, "fit into the padded"),
        (
            (jnp.ones((3, 4, 4, 2)), jnp.ones((3, 3, 3))),
            {"padding": ((0, -1), (0, 0))},
            "not negative",
        ),
        ((jnp.ones((3, 4, 4, 2)), jnp.ones((3, 3, 3)), jnp.int32(4)), {}, "live must be within"),
    ],
)
def test_a_call_without_a_result_is_refused(arrays, options, message, way):
    with pytest.raises(ValueError, match=message):
        depthwise(*arrays, **options)
