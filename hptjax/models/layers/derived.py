"""A Flax module made of a layer's own `forward`, for layers that bring none."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from hptjax.models.layers.base import Context, Layer, Shape, Weight


class DerivedModule(nn.Module):
    """A layer at its exact shape: x [B, H, W, C] or [B, N] in; arrays as the layer has them."""

    layer: Layer

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        incoming = (x.shape[-1], *x.shape[1:-1])
        drawn = self._drawn(incoming)
        weights = {
            name: self.param(name, _initial(weight, drawn.get(name)), weight.shape)
            for name, weight in self.layer.weights(incoming).items()
        }
        kept = {
            name: self.variable("batch_stats", name, _filled, weight, drawn.get(name))
            for name, weight in self.layer.statistics(incoming).items()
        }
        statistics = {name: variable.value for name, variable in kept.items()}
        context = Context(incoming, train, key, statistics)
        y = self.layer.forward(jnp.moveaxis(x, (0, -1), (-1, 0)), weights, context)
        if train and not self.is_initializing():
            for name, value in context.new_statistics.items():
                kept[name].value = value
        return jnp.moveaxis(y, (0, -1), (-1, 0))

    def _drawn(self, incoming: Shape) -> dict[str, Array]:
        """What the layer draws itself, while there are no variables yet."""
        draws = type(self.layer).initial is not Layer.initial
        if not (draws and self.is_initializing()):
            return {}
        return self.layer.initial(self.make_rng("params"), incoming) or {}


def _filled(weight: Weight, drawn: Array | None) -> Array:
    return jnp.full(weight.shape, weight.fill) if drawn is None else drawn


def _initial(weight: Weight, drawn: Array | None):
    def init(key: Array, shape: tuple[int, ...]) -> Array:
        if drawn is not None:
            return drawn
        if weight.fan_in is None:
            return jnp.full(shape, weight.fill, jnp.float32)
        bound = weight.fan_in**-0.5
        return jax.random.uniform(key, shape, jnp.float32, -bound, bound)

    return init
