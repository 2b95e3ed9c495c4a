"""The convolution, by kernels, bands and a TPU's flat ones, against XLA's own in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.geometry import same_padding
from hptjax.ops.conv import conv, conv_and_projection

CASES = [
    # kernel, stride, padding, height, width, channels in, out
    (1, 1, (0, 0), 5, 4, 3, 2),
    (1, 2, (0, 0), 7, 6, 3, 2),
    (1, 3, (0, 0), 8, 7, 1, 4),
    (3, 1, (1, 1), 7, 8, 3, 5),
    (3, 1, (1, 1), 7, 8, 9, 13),  # from four channels on by Winograd's products
    (3, 1, (0, 0), 5, 6, 4, 4),
    (3, 1, (2, 2), 2, 5, 5, 7),
    (3, 1, (0, 3), 6, 5, 6, 4),
    (3, 2, (1, 1), 7, 8, 3, 5),
    (3, 2, (0, 0), 9, 8, 64, 3),
    (3, 3, (1, 1), 14, 13, 2, 64),
    (2, 1, "same", 6, 5, 2, 3),
    (2, 3, (0, 0), 8, 9, 2, 3),
    (4, 2, "same", 9, 8, 2, 3),
    (5, 1, "same", 7, 7, 1, 3),
    (5, 3, (1, 1), 10, 9, 2, 3),
    (7, 2, "same", 9, 9, 2, 3),
    (7, 3, (3, 3), 14, 14, 2, 3),
    (1, 1, (1, 1), 5, 4, 9, 2),
    (2, 5, (1, 1), 9, 8, 9, 2),
]
OTHERS = [
    # kernel, stride, dilation, (top, bottom), (left, right), height, width, channels in, out
    ((3, 3), 1, 2, (2, 2), (2, 2), 7, 9, 5, 6),
    ((3, 3), 2, 2, (0, 0), (2, 1), 9, 8, 2, 7),
    ((2, 4), 1, 1, (0, 1), (1, 2), 6, 5, 3, 4),
    ((5, 1), 2, 1, (2, 2), (0, 0), 9, 19, 3, 3),
    ((1, 3), 3, 3, (0, 0), (3, 3), 8, 9, 9, 13),
    ((3, 3), 1, 1, (0, 2), (1, 0), 6, 7, 4, 5),  # Winograd's products, padded unlike
    ((3, 3), 1, 1, (5, 4), (0, 6), 4, 4, 4, 4),  # some results read padding alone
    ((2, 3), 4, 2, (1, 0), (2, 0), 9, 8, 2, 2),  # some pixels are read by no result
    ((3, 4), 1, 3, (3, 3), (4, 5), 7, 9, 1, 5),  # taps of one channel go together
    ((3, 5), 2, 1, (1, 1), (2, 2), 7, 4, 3, 8),
]


def reference(x, w, stride, *pads, dilation=1):
    flat, kernel = x.transpose(3, 0, 1, 2), w.transpose(0, 3, 1, 2)
    moves = (stride, stride), pads if len(pads) == 2 else pads * 2
    y = jax.lax.conv_general_dilated(flat, kernel, *moves, rhs_dilation=(dilation, dilation))
    return y.transpose(1, 2, 3, 0)


def check(ours, wanted, *shapes, atol):
    """Values and gradients of two functions of x and w, the second in float64."""
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=shape) for shape in shapes)

    def both(function):
        def run(x, w, g):
            y, back = jax.vjp(function, x, w)
            return y, *back(g(y))

        return jax.jit(run, static_argnums=2)

    # A fixed cotangent that differs from place to place.
    def cotangent(y):
        return jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)

    with jax.enable_x64(True):
        expected = [np.asarray(a) for a in both(wanted)(x, w, cotangent)]
    found = both(ours)(jnp.float32(x), jnp.float32(w), cotangent)
    for got, want in zip(found, expected, strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, atol=atol * np.abs(want).max())


@pytest.mark.parametrize(  # images: whole vectors, a rest, both
    ("way", "images"),
    [("xla", 3), ("tpu", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_conv_equals_float64_reference(case, images, way):
    kernel, stride, padding, height, width, channels, out = case
    pad = same_padding(kernel) if padding == "same" else padding
    check(
        lambda x, w: conv(x, w, stride=stride, padding=pad),
        lambda x, w: reference(x, w, stride, pad),
        (channels, height, width, images),
        (out, kernel, kernel, channels),
        atol=3e-6 * kernel,
    )


@pytest.mark.parametrize(
    ("way", "images"),
    [("xla", 3), ("tpu", 3), ("kernels", 3), ("kernels", 64), ("kernels", 83)],
    indirect=["way"],
)
@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_oblong_and_dilated_kernels_equal_float64_reference(case, images, way):
    kernel, stride, dilation, *pads, height, width, channels, out = case
    check(
        lambda x, w: conv(x, w, stride=stride, padding=tuple(pads), dilation=dilation),
        lambda x, w: reference(x, w, stride, *pads, dilation=dilation),
        (channels, height, width, images),
        (out, *kernel, channels),
        atol=1e-5,
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 3), st.integers(0, 3), st.integers(1, 9), st.integers(0, 5)
)
def test_output_size_is_the_formula(kernel, stride, padding, height, extra):
    width = height + extra
    if height + 2 * padding < kernel:
        return
    x = jax.ShapeDtypeStruct((3, height, width, 4), jnp.float32)
    w = jax.ShapeDtypeStruct((5, kernel, kernel, 3), jnp.float32)
    y = jax.eval_shape(lambda x, w: conv(x, w, stride=stride, padding=(padding, padding)), x, w)
    sides = [(n + 2 * padding - kernel) // stride + 1 for n in (height, width)]
    assert y.shape == (5, *sides, 4)


WAYS = pytest.mark.parametrize("way", ["kernels", "xla", "tpu"], indirect=True)


@WAYS
def test_input_gradient_can_be_left_out(way):
    x, w = jnp.ones((2, 5, 5, 3)), jnp.ones((4, 3, 3, 2))
    grads = jax.grad(lambda x, w: conv(x, w, input_grad=False).sum(), argnums=(0, 1))(x, w)
    assert not grads[0].any()
    assert grads[1].all()
    oblong = {"dilation": 2, "input_grad": False}
    grads = jax.grad(lambda x, w: conv(x, w, **oblong).sum(), argnums=(0, 1))(x, w[:, :2])
    assert not grads[0].any()
    assert grads[1].all()


@WAYS
def test_lanes_of_vmap_are_computed_one_by_one(way):
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 2, 5, 5, 16)), rng.normal(size=(3, 4, 3, 3, 2))
    x, w = jnp.float32(x), jnp.float32(w)

    def gradients(x, w):
        return jax.grad(lambda x, w: (conv(x, w) ** 2).sum(), argnums=(0, 1))(x, w)

    together = jax.jit(jax.vmap(gradients))(x, w)
    for k in range(3):
        for lanes, alone in zip(together, gradients(x[k], w[k]), strict=True):
            np.testing.assert_allclose(lanes[k], alone, rtol=1e-5, atol=1e-4)


@WAYS
@pytest.mark.parametrize(("kernel", "stride", "images"), [(3, 1, 64), (3, 2, 5), (2, 3, 16)])
def test_conv_and_projection_equals_both_convolutions(kernel, stride, images, way):
    rng = np.random.default_rng(2)
    pad = same_padding(kernel)
    shapes = (5, 7, 6, images), (7, kernel, kernel, 5), (7,), (7, 1, 1, 5), (7,)
    arrays = [jnp.float32(rng.normal(size=shape)) for shape in shapes]

    def together(x, w, b, p, c):
        return conv_and_projection(x, w, p, (b, c), stride=stride, padding=pad)

    def apart(x, w, b, p, c):
        return conv(x, w, b, stride=stride, padding=pad), conv(x, p, c, stride=stride)

    def both(function):
        y, back = jax.vjp(function, *arrays)
        return *y, *back(jax.tree.map(jnp.cos, y))

    for got, want in zip(both(together), both(apart), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_bias_is_added_and_summed(way):
    x, w = jnp.ones((2, 4, 4, 21)), jnp.zeros((3, 1, 1, 2))
    bias = jnp.arange(3.0)
    y, back = jax.vjp(lambda bias: conv(x, w, bias), bias)
    np.testing.assert_array_equal(y[:, 0, 0, 0], bias)
    np.testing.assert_array_equal(back(jnp.ones_like(y))[0], [4 * 4 * 21] * 3)


@WAYS
@pytest.mark.slow
@pytest.mark.parametrize(("images", "live"), [(5, (4, 6)), (64, (4, 6)), (64, (1, 6)), (5, (2, 3))])
def test_channels_that_are_not_live_are_zeros_and_change_nothing(images, live, way):
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(7, 6, 5, images)), rng.normal(size=(9, 3, 3, 7))
    p, b = rng.normal(size=(9, 1, 1, 7)), rng.normal(size=9)
    c, o = live
    narrow = [jnp.float32(a) for a in (x[:c], w[:o, ..., :c], p[:o, ..., :c], b[:o])]
    padded = [jnp.zeros(a.shape, jnp.float32) for a in (x, w, p, b)]
    padded = [
        wide.at[tuple(map(slice, own.shape))].set(own)
        for wide, own in zip(padded, narrow, strict=True)
    ]

    def both(arrays, live):
        def function(x, w, p, b):
            return conv_and_projection(x, w, p, (b, b), live, stride=2, padding=(1, 1))

        y, back = jax.vjp(function, *arrays)
        return *y, *back(jax.tree.map(jnp.sin, y))

    live = jnp.array(live, jnp.int32)
    for got, want in zip(both(padded, live), both(narrow, None), strict=True):
        inside = tuple(map(slice, want.shape))
        np.testing.assert_allclose(got[inside], want, atol=1e-5 * np.abs(want).max())
        assert not np.delete(got, np.s_[: want.shape[0]], 0).any()
        if got.ndim == 4:
            assert not got[..., want.shape[3] :].any()
