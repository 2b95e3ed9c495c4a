"""Single layers against PyTorch, on frozen arrays: outputs, all gradients, ten steps.

experiments/make_torch_layers.py made them, with torch 2.13 in float64 arithmetic.
"""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.named import part
from hptjax.config.parts import LAYERS
from hptjax.models.layers.base import Context
from hptjax.testing import QUICKLY

ARRAYS = np.load(Path(__file__).parent / "data" / "torch_layers.npz")
CASES = sorted({name.split("/")[0] for name in ARRAYS.files})
TORCH = {"kernel": "weight", "bias": "bias", "scale": "weight", "shift": "bias"}


def ours(array: np.ndarray) -> np.ndarray:
    """Returns a kernel in the layers' layout."""
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def images_last(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, 0, -1)


@pytest.mark.parametrize("case", CASES)
def test_layer_and_its_gradients_are_those_of_pytorch(case):
    layer = part(LAYERS, json.loads(ARRAYS[f"{case}/layer"].item()), "layer").options
    x, g, y = (images_last(ARRAYS[f"{case}/{name}"]) for name in ("x", "g", "y"))
    incoming = x.shape[:-1]
    layer.check(incoming)
    path, names = f"{case}/init/", {}
    for name in layer.weights(incoming):
        *stage, leaf = name.split(".")
        names[name] = ".".join([*stage, TORCH[leaf]])
    assert sorted(path + name for name in names.values()) == sorted(
        name for name in ARRAYS.files if name.startswith(path)
    )
    weights = {name: ours(ARRAYS[path + theirs]) for name, theirs in names.items()}
    kinds = layer.statistics(incoming)
    stats = {name: jnp.full(kind.shape, kind.fill) for name, kind in kinds.items()}

    def forward(x, weights):
        return layer.forward(x, weights, Context(incoming, True, None, dict(stats)))

    @partial(jax.jit, compiler_options=QUICKLY)
    def both(x, weights):
        y, back = jax.vjp(forward, x, weights)
        return y, *back(jnp.asarray(g))

    got, dx, dw = both(x, weights)
    np.testing.assert_allclose(got, y, atol=1e-5)
    np.testing.assert_allclose(dx, images_last(ARRAYS[f"{case}/grad/x"]), atol=1e-5)
    for name, theirs in names.items():
        want = ours(ARRAYS[f"{case}/grad/{theirs}"])
        np.testing.assert_allclose(dw[name], want, atol=1e-5, rtol=1e-5, err_msg=name)

    @partial(jax.jit, compiler_options=QUICKLY)
    def descended(x, weights):
        def step(state, _):
            (x, weights), velocity = state
            y, back = jax.vjp(forward, x, weights)
            velocity = jax.tree.map(lambda v, d: 0.9 * v + d, velocity, back(y - jnp.asarray(g)))
            return (jax.tree.map(lambda p, v: p - 0.01 * v, (x, weights), velocity), velocity), None

        start = jax.tree.map(jnp.asarray, (x, weights))
        return jax.lax.scan(step, (start, jax.tree.map(jnp.zeros_like, start)), length=10)[0][0]

    last_x, last = descended(x, weights)
    np.testing.assert_allclose(last_x, images_last(ARRAYS[f"{case}/last/x"]), atol=1e-5)
    for name, theirs in names.items():
        want = ours(ARRAYS[f"{case}/last/{theirs}"])
        np.testing.assert_allclose(last[name], want, atol=1e-5, rtol=1e-5, err_msg=name)
