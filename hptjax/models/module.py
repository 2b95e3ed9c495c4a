"""The Flax module of a network at its exact shape, and the paths of its layers' variables."""

import flax.linen as nn
import jax
from jax import Array

from hptjax.config.model import AnyModel
from hptjax.config.schema import ModelConfig
from hptjax.models import original
from hptjax.models.chain import chain_of
from hptjax.models.classifier import Classifier, as_floats
from hptjax.models.placed import Placed


def module_of(config: AnyModel) -> nn.Module:
    """Returns the network of a repaired config: images [B, H, W, C] -> logits [B, K]."""
    if isinstance(config, ModelConfig):
        return Classifier.from_config(config)
    return Chain(chain_of(config))


def module_path(config: AnyModel, layer: str, inner: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the path of a layer's submodule in the network's module; (): the layer itself."""
    if isinstance(config, ModelConfig):
        return original.module_path(layer, inner)
    return flax_name(layer), *inner


def flax_name(layer: str) -> str:
    """Returns the name of a layer's module; dots have another meaning in Flax's paths."""
    return layer.replace(".", "_")


class Chain(nn.Module):
    """Layers in a row: images [B, H, W, C] in [0, 1] -> logits [B, K]."""

    layers: tuple[Placed, ...]

    @nn.compact
    def __call__(self, x: Array, *, train: bool, dropout_key: Array | None = None) -> Array:
        """Returns logits [B, K] of images [B, H, W, C], floats in [0, 1] or uint8 (divided by 255).

        train: use the batch's statistics in batch norm, and dropout. dropout_key: key of the masks;
        by default drawn from the "dropout" stream if there is one. Raises ConfigError for images of
        other whole numbers.
        """
        x = as_floats(x)
        if train and dropout_key is None and (self._drops or self.has_rng("dropout")):
            dropout_key = self.make_rng("dropout")
        for placed in self.layers:
            key = None
            if dropout_key is not None:
                key = jax.random.fold_in(dropout_key, placed.stream)
            layer = placed.layer.module(flax_name(placed.name))
            x = layer(x, train=train, key=key)  # pyright: ignore[reportCallIssue]
        return x

    @property
    def _drops(self) -> bool:
        """Whether any layer states that it uses dropout."""
        return any(
            getattr(placed.layer, rate) for placed in self.layers for rate in placed.layer.may_miss
        )
