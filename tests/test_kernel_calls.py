"""Invalid calls of operations: shapes are refused everywhere, numbers by kernels."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.ops import native
from hptjax.ops.conv import conv, conv_and_projection
from hptjax.ops.linear import linear
from hptjax.ops.norm import EPSILON, normalise

X, W, P = jnp.ones((3, 6, 5, 8)), jnp.ones((4, 3, 3, 3)), jnp.ones((4, 1, 1, 3))


def int32(*numbers):
    return jnp.array(numbers, jnp.int32)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((X[0], W), {}, "maps must have the shape"),
        ((X, W[:, 0]), {}, "a kernel must have the shape"),
        ((X, W[:, :0, :0]), {}, "a kernel must have the shape"),
        ((X, W[..., :2]), {}, "channels of its maps"),
        ((X, W, jnp.ones(5)), {}, r"the bias must be a vector \[4\]"),
        ((X, W), {"stride": 0}, "stride and dilation must be at least 1"),
        ((X, W), {"stride": -1}, "stride and dilation must be at least 1"),
        ((X, W), {"dilation": 0}, "stride and dilation must be at least 1"),
        ((X, W), {"dilation": 3}, "fit into the padded maps"),
        ((X, W), {"padding": (-1, 1)}, "padding must be pairs of numbers that are not negative"),
        ((X, W), {"padding": ((0, 0), (0, -1))}, "that are not negative"),
        ((X, W), {"padding": (1,)}, "padding must be pairs of numbers"),
        ((X, W), {"padding": ((1, 1),)}, "padding must be pairs of numbers"),
        ((X, jnp.ones((4, 7, 7, 3))), {"padding": (0, 1)}, "fit into the padded maps"),
        ((X, W, None, int32(3)), {}, r"live must be int32 \(2,\)"),
        ((X, W, None, jnp.ones(2)), {}, "live must be int32"),
        ((X, W, None, int32(4, 4)), {}, r"within 0 .. \[3, 4\], got \[4, 4\]"),
        ((X, W, None, int32(3, -1)), {}, r"got \[3, -1\]"),
    ],
)
def test_a_convolution_that_has_no_result_is_refused(arrays, options, message, way):
    with pytest.raises(ValueError, match=message):
        conv(*arrays, **options)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((X[0], jnp.ones((4, 3)), jnp.ones(4)), r"must have x \[I, B\], w \[O, I\] and bias"),
        ((X[0, 0], jnp.ones((4, 3)), jnp.ones(4)), "got units"),
        ((X[:, 0, 0], jnp.ones((4, 3)), jnp.ones(3)), "bias"),
        ((X[:, 0, 0], jnp.ones((4, 3)), jnp.ones(4), int32(4, 4)), r"within 0 .. \[3, 4\]"),
        ((X[:, 0, 0], jnp.ones((4, 3)), jnp.ones(4), int32(3)), r"live must be int32 \(2,\)"),
    ],
)
def test_a_linear_layer_that_has_no_result_is_refused(arrays, message, way):
    with pytest.raises(ValueError, match=message):
        linear(*arrays)


@pytest.mark.parametrize(
    ("w", "p", "options"),
    [(W, P[:2], {}), (W, W, {"padding": (1, 1)}), (W, P, {}), (W, P, {"padding": (2, 2)})],
)
def test_a_projection_of_another_shape_is_refused(w, p, options, way):
    with pytest.raises(ValueError, match="must have one shape"):
        conv_and_projection(X, w, p, **options)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((X, jnp.ones(2), jnp.ones(3), 0), r"scale must be a vector \[3\]"),
        ((X, jnp.ones(3), jnp.ones((3, 1)), 0), r"shift must be a vector \[3\]"),
        ((X, jnp.ones(3), jnp.ones(3), 4), "axis must be one of the 4 axes"),
        ((X, jnp.ones(3), jnp.ones(3), 0, False, int32(3)), "live must be int32"),
        ((X, jnp.ones(3), jnp.ones(3), 0, False, jnp.int32(4)), r"within 0 .. \[3\], got \[4\]"),
    ],
)
def test_a_batch_norm_that_has_no_result_is_refused(arrays, message, way):
    with pytest.raises(ValueError, match=message):
        normalise(*arrays)


@pytest.fixture
def kernels():
    if not native.available():
        pytest.skip("this machine has no C++ compiler")


@pytest.mark.parametrize("live", [(4, 4), (3, 5), (-1, 4), (3, -(2**31)), (2**31 - 1, 4)])
def test_live_channels_that_maps_do_not_have_are_an_error_of_the_call(live, kernels):
    arrays = X, W, P
    one, both = jnp.array(live, jnp.int32), partial(conv_and_projection, padding=(1, 1))
    y = both(*arrays)
    calls = {
        "forward": lambda live: conv(X, W, None, live),
        "backward": lambda live: jax.vjp(lambda *a: both(*a, live=live), *arrays)[1](y),
    }
    for run in calls.values():
        with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT.*live must be"):
            jax.block_until_ready(jax.jit(run)(one))
    scale = jnp.ones(3)
    wrong = one[0] if not 0 <= live[0] <= 3 else one[1]
    norm = jax.jit(lambda live: normalise(X, scale, scale, 0, live=live))
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT.*live must be"):
        jax.block_until_ready(norm(wrong))


Y = jnp.ones((4, 4, 3, 8))  # of X and W
LIVE = int32(3, 4)
ENDS = ("top", "bottom", "left", "right")
PLAIN = {"stride": 1, "dilation": 1, **dict.fromkeys(ENDS, 0)}
D, Z = jnp.ones((3, 3, 2)), jnp.ones((3, 5, 3, 8))  # of a kernel for each channel
MOVED = {"stride": 1, "dilation": 2, "top": 1, "bottom": 2, "left": 0, "right": 0}
S = jnp.ones((3, 8))  # statistics of groups
U = jnp.ones((3, 5, 4, 8))  # of a pool
LARGE = 2**62


def direct(target, arrays, out, **options):
    """Calls a kernel without the checks before it; any layout has the same size in memory."""
    types = [jnp.float32, jnp.uint8] if target == "hptjax_dropout" else [jnp.float32] * len(out)
    shapes = [jax.ShapeDtypeStruct(*of) for of in zip(out, types, strict=True)]
    layouts, to = [None] * len(arrays), [None] * len(out)
    if len(out) == 1:
        return native.call(target, shapes[0], arrays, layouts, None, **options)
    return native.call(target, tuple(shapes), arrays, layouts, tuple(to), **options)


NORM = {"relu": True, "epsilon": np.float32(EPSILON)}
KEY = jnp.array([1, 2], jnp.uint32)
CALLS = [
    ("hptjax_conv", (X, W, jnp.ones(4), LIVE), [Y.shape], PLAIN),
    ("hptjax_conv_input_gradient", (Y, W, LIVE), [X.shape], PLAIN),
    (
        "hptjax_conv_input_gradient_of_both",
        (jnp.ones((4, 6, 5, 8)), W, jnp.ones((4, 6, 5, 8)), P, LIVE),
        [X.shape],
        PLAIN | dict.fromkeys(ENDS, 1),
    ),
    ("hptjax_conv_weight_gradient", (Y, X, LIVE), [W.shape], PLAIN),
    ("hptjax_conv_bias_gradient", (Y, LIVE), [(4,)], {}),
    ("hptjax_depthwise", (X, D, jnp.int32(3)), [Z.shape], MOVED),
    ("hptjax_depthwise_input_gradient", (Z, D, jnp.int32(3)), [X.shape], MOVED),
    ("hptjax_depthwise_weight_gradient", (Z, X, jnp.int32(3)), [D.shape], MOVED),
    ("hptjax_activation", (X,), [X.shape], {"name": "gelu"}),
    ("hptjax_activation_and_slope", (X,), [X.shape, X.shape], {"name": "mish"}),
    ("hptjax_dropout", (X, jnp.float32(0.5), KEY, jnp.int32(3)), [X.shape, X.shape], {}),
    (
        "hptjax_group_norm",
        (X, jnp.ones(3), jnp.ones(3), jnp.int32(3)),
        [X.shape, S.shape, S.shape],
        {"groups": 3, "epsilon": NORM["epsilon"]},
    ),
    (
        "hptjax_group_norm_gradient",
        (X, jnp.ones(3), S, S, X, jnp.int32(3)),
        [X.shape, (3,), (3,)],
        {"groups": 3},
    ),
    ("hptjax_max_pool", (X, jnp.int32(3)), [U.shape], PLAIN | {"size": 2}),
    ("hptjax_max_pool_gradient", (X, U, U, jnp.int32(3)), [X.shape], PLAIN | {"size": 2}),
    ("hptjax_norm", (X, jnp.ones(3), jnp.ones(3), jnp.int32(3)), [X.shape, (3,), (3,)], NORM),
    (
        "hptjax_norm_gradient",
        (X, *[jnp.ones(3)] * 4, X, jnp.int32(3)),
        [X.shape, (3,), (3,)],
        NORM,
    ),
    (
        "hptjax_norm_pair",
        (X, *[jnp.ones(3)] * 2, X, *[jnp.ones(3)] * 2, jnp.int32(3)),
        [X.shape, *[(3,)] * 4],
        {"epsilon": NORM["epsilon"]},
    ),
    (
        "hptjax_norm_pair_gradient",
        (X, *[jnp.ones(3)] * 4, X, *[jnp.ones(3)] * 4, X, jnp.int32(3)),
        [X.shape, (3,), (3,)] * 2,
        {"epsilon": NORM["epsilon"]},
    ),
]


def one_more(shape, axis):
    return tuple(size + (i == axis) for i, size in enumerate(shape))


# The gradient of a bias takes maps of any height, width and number of images.
FREE = {("hptjax_conv_bias_gradient", 0, axis) for axis in (1, 2, 3)}


def wrong_calls():
    """Valid calls with one change: an axis of an array or result, a rank, an option."""
    for target, arrays, out, options in CALLS:
        for k, array in enumerate(arrays):
            axes = [axis for axis in range(array.ndim) if (target, k, axis) not in FREE]
            changed = [one_more(array.shape, axis) for axis in axes] + [()] * (array.ndim > 0)
            for shape in changed:
                wrong = jnp.ones(shape, array.dtype)
                yield target, (*arrays[:k], wrong, *arrays[k + 1 :]), out, options
        for k, shape in enumerate(out):
            for axis in range(len(shape)):
                wrong = one_more(shape, axis)
                yield target, arrays, (*out[:k], wrong, *out[k + 1 :]), options
        if "name" in options:
            yield target, arrays, out, {"name": "relu"}
        for name in options.keys() & {"size", "groups", *PLAIN}:
            for value in (-1, LARGE, -LARGE):
                yield target, arrays, out, options | {name: value}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_kernels_take_right_calls(call, kernels):
    target, arrays, out, options = call
    results = jax.tree.leaves(jax.jit(partial(direct, target, out=out, **options))(arrays))
    assert [result.shape for result in results] == list(out)
    assert all(np.isfinite(result).all() for result in results)


def test_kernels_check_all_that_they_are_given(kernels):
    calls = list(wrong_calls())
    assert len(calls) > 60
    for target, arrays, out, options in calls:
        run = jax.jit(partial(direct, target, out=out, **options))
        shapes = [array.shape for array in arrays]
        with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT.*CPU kernel"):
            pytest.fail(f"{target} took {shapes} to {out}, {options}: {run(arrays)}")
