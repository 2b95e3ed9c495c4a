"""Activations: values and gradients of the whole table are PyTorch's, at the far ends too.

experiments/make_recipe_reference.py made the arrays, with torch 2.14 in float64 arithmetic.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.parts import ACTIVATIONS
from hptjax.ops.activations import activate, find_activation
from tests.compilations import OPTIMIZED

ARRAYS = np.load(Path(__file__).parent / "data" / "recipe_reference.npz")
X, SMOOTH = ARRAYS["activation/x"], ARRAYS["activation/smooth"]
MAPS = [name for name in ACTIVATIONS.names() if name != "logsoftmax"]
# beside rounding of the number itself: what is left of 1 + tanh(x), or of a denormal number
CLOSE = {"rtol": 1e-5, "atol": 2e-6}


@pytest.fixture(scope="module")
def computed():
    """Returns values and gradients of all activations on the grid, by one program."""

    def both(x):
        fns = {name: find_activation(name).fn for name in MAPS}
        return {name: (fn(x), jax.vmap(jax.grad(fn))(x)) for name, fn in fns.items()}

    return jax.jit(both, compiler_options=OPTIMIZED)(X)  # as users have them, to rounding


@pytest.mark.parametrize("name", MAPS)
def test_an_activation_and_its_gradient_are_pytorchs(computed, name):
    """At a kink the derivative is a convention: there it need only be finite."""
    value, grad = computed[name]
    np.testing.assert_allclose(value, ARRAYS[f"activation/{name}/value"], **CLOSE)
    want = ARRAYS[f"activation/{name}/grad"]
    np.testing.assert_allclose(grad[SMOOTH], want[SMOOTH], **CLOSE)
    assert np.isfinite(grad).all()


KERNELS = [name for name in MAPS if find_activation(name).kernel]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shape", [(9, 4), (3, 2, 2, 3)], ids=str)
def test_a_kernel_gives_pytorchs_values_and_gradients(name, shape, way):
    x = jnp.asarray(X, jnp.float32).reshape(shape)
    live = jnp.ones(len(x), bool)
    y, back = jax.vjp(lambda x: activate(x, (name,), jnp.int32(0), live), x)
    for got, kind in ((y, "value"), (back(jnp.ones_like(x))[0], "grad")):
        np.testing.assert_allclose(np.ravel(got), ARRAYS[f"activation/{name}/{kind}"], **CLOSE)


def test_a_kernel_gives_a_number_the_same_bits_wherever_it_lies():
    numbers = jnp.asarray(np.random.default_rng(0).normal(size=(1, 37)) * 3, jnp.float32)
    for name in KERNELS:
        apply = partial(activate, names=(name,), choice=jnp.int32(0), live=jnp.ones(1, bool))
        whole = apply(numbers)
        for start in (1, 16, 30):
            assert np.array_equal(apply(numbers[:, start:]), whole[:, start:])
    assert KERNELS


@pytest.mark.parametrize("dead", [0, 3])
def test_log_softmax_of_the_true_units_is_pytorchs(dead):
    """Padded units, which hold zeros, do not count and stay zeros."""
    logits, weights = (
        jnp.pad(ARRAYS[f"loss/{name}"].T, ((0, dead), (0, 0))) for name in ("logits", "targets")
    )
    live = jnp.arange(len(logits)) < len(logits) - dead

    def weighed(z):
        value = activate(z, ("logsoftmax",), jnp.int32(0), live)
        return jnp.sum(value * weights), value

    grad, value = jax.jit(jax.grad(weighed, has_aux=True))(logits)
    for got, kind in ((value, "value"), (grad, "grad")):
        np.testing.assert_allclose(got[live].T, ARRAYS[f"activation/logsoftmax/{kind}"], **CLOSE)
        assert not got[~live].any()


@pytest.mark.parametrize("name", ["softplus", "mish"])
def test_activations_written_by_one_exponential_are_right_to_the_last_bits(name):
    """Values and slopes beside float64, far from 0 and at it; infinity and NaN as in PyTorch."""
    x = np.concatenate([np.linspace(-80, 80, 4001), np.linspace(-3, 3, 4001), [0.0]])
    x = x.astype(np.float32)
    exact, fn = x.astype(np.float64), find_activation(name).fn
    soft, sigmoid = np.logaddexp(0, exact), 1 / (1 + np.exp(-exact))
    tanh = np.tanh(soft)
    want = {
        "softplus": (soft, sigmoid),
        "mish": (exact * tanh, tanh + exact * (1 - tanh**2) * sigmoid),
    }
    values, slopes = fn(jnp.asarray(x)), jax.vmap(jax.grad(fn))(jnp.asarray(x))
    np.testing.assert_allclose(values, want[name][0], rtol=4e-7)
    np.testing.assert_allclose(slopes, want[name][1], rtol=1e-6, atol=2e-6)
    assert fn(jnp.float32(np.inf)) == np.inf
    assert np.isnan(fn(jnp.float32(np.nan)))
