"""The checks of a user's layer: they pass layers that keep the law, and name what is broken."""

import jax
import jax.numpy as jnp
import pytest

import hptjax
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Infeasible
from hptjax.models.layers.linear import Linear
from hptjax.models.layers.own import FlaxNetwork
from hptjax.testing import UNITS, check, check_module


class Scale(hptjax.Layer):
    start: float = 0.5

    def weights(self, incoming):
        return {"scale": hptjax.Weight.per_channel(incoming, fill=self.start)}

    def forward(self, x, weights, context):
        return x * weights["scale"]


class Unmasked(Scale):
    def forward(self, x, weights, context):
        return jax.nn.sigmoid(x)


class LessMean(Scale):
    def forward(self, x, weights, context):
        return x - x.mean(0)


class MeanOfAll(Scale):
    def forward(self, x, weights, context):
        return x * (1 + x.mean(0) ** 2)


class Leaking(Scale):
    """Its output is right, with zeros in the padding, but a gradient goes into the padding."""

    def forward(self, x, weights, context):
        live = jnp.arange(len(x)) < context.incoming[0]
        return jnp.where(live[:, None], x + jnp.sin(x.sum(0)), 0)


class PaddedNoise(Scale):
    def forward(self, x, weights, context):
        if context.key is None:
            return x
        return x * jax.random.uniform(context.key, x.shape[::-1]).T


class OtherModule(Scale):
    def module(self, name=None):
        return Scale(start=2.0).module(name)

    def forward(self, x, weights, context):
        return x * weights["scale"] * 2


@pytest.mark.parametrize("units", [False, True])
def test_a_layer_that_keeps_the_law_passes_with_maps_and_with_units(units):
    check(Scale, UNITS) if units else check(Scale(start=2.0), (4, 5, 6))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Unmasked, r"Unmasked: breaks point 2 of .* what Unmasked gives is 0\.5 at \(6, 0\)"),
        (LessMean, "breaks point 2 of the law.* what LessMean gives is"),
        (MeanOfAll, "breaks point 3 of the law.* what MeanOfAll gives is wrong by"),
        (Leaking, "breaks point 2 of the law.* the gradient of what GlobalAvgPool gives is"),
        (PaddedNoise, "breaks point 4 of the law.* what PaddedNoise gives is wrong by"),
    ],
)
def test_the_broken_point_of_the_law_is_named(layer, text):
    with pytest.raises(AssertionError, match=text):
        check(layer, UNITS, kernels=False)


def test_a_module_that_differs_is_named():
    with pytest.raises(AssertionError, match=r"`module` must give what .* differs in training"):
        check_module(OtherModule(), UNITS)


def test_a_layer_that_cannot_be_checked_is_reported():
    with pytest.raises(ConfigError, match=r"Linear\.out_features: must be given"):
        check(Linear)
    with pytest.raises(ConfigError, match="a whole network is never padded"):
        check(FlaxNetwork(place="tests.own_nets:Plain"))
    with pytest.raises(Infeasible, match="each number by itself"):
        check(Linear.model_validate({"out_features": 4, "norm": "instance"}), UNITS)
