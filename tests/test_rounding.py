"""Maps rounded to the numbers of a shorter format, as the benchmark `rounding` trains with them."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.rounding import FORMATS, rounded_maps
from hptjax.models.layers import conv as layer


def test_maps_and_their_gradients_are_rounded_and_those_of_kernels_are_not():
    rng = np.random.default_rng(0)
    x, w = jnp.float32(rng.normal(size=(2, 4, 4, 3))), jnp.float32(rng.normal(size=(3, 3, 3, 2)))
    plain = layer.conv
    with rounded_maps(FORMATS["f16"]):
        y, back = jax.vjp(lambda x, w: layer.conv(x, w, padding=(1, 1)), x, w)
    dx, dw = back(jnp.cos(y))

    def short(a):
        return np.array_equal(a, a.astype(jnp.float16).astype(jnp.float32))

    assert [short(a) for a in (x, w, y, dx, dw)] == [False, False, True, True, False]
    assert layer.conv is plain
    np.testing.assert_allclose(y, plain(x, w, padding=(1, 1)), atol=0.2)
