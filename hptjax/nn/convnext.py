"""A small ConvNeXt in linen, as a user would write it, to be tuned as the user's own network.

    model: {flax: {module: hptjax.nn.convnext:ConvNeXt, width: 16, blocks: 2, call: {dropout: 0.1}}}

After Liu et al., "A ConvNet for the 2020s" (2022): patches, then stages of depthwise convolution,
layer norm and a pointwise MLP, each beside a shortcut. With ours=False it uses Flax's convolutions,
to measure the gain of our kernels.
"""

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

import hptjax.nn as hnn


class Block(nn.Module):
    """Depthwise convolution, norm and MLP, scaled by learnt factors that start small."""

    ours: bool = True

    @nn.compact
    def __call__(self, x: Array, dropout: Array | float, train: bool) -> Array:
        width = x.shape[-1]
        y = _conv(self.ours)(width, (7, 7), feature_group_count=width)(x)
        y = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(y)))
        y = nn.Dense(width)(hnn.Dropout(dropout, deterministic=not train)(y))
        return x + y * self.param("scale", nn.initializers.constant(0.1), (width,))


class ConvNeXt(nn.Module):
    """Stages of `blocks` blocks each; from stage to stage the width doubles and the size halves."""

    num_classes: int
    width: int = 16
    blocks: int = 2
    stages: int = 2
    patch: int = 2
    ours: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool, dropout: Array | float = 0.0) -> Array:
        conv = _conv(self.ours)
        x = conv(self.width, (self.patch,) * 2, strides=self.patch, padding="VALID")(x)
        x = nn.LayerNorm()(x)
        for stage in range(self.stages):
            if stage:
                x = nn.LayerNorm()(x)
                x = conv(self.width * 2**stage, (2, 2), strides=2, padding="VALID")(x)
            for _ in range(self.blocks):
                x = Block(self.ours)(x, dropout, train)
        return nn.Dense(self.num_classes)(nn.LayerNorm()(jnp.mean(x, (1, 2))))


def _conv(ours: bool):
    return partial(nn.Conv, conv_general_dilated=hnn.conv_general_dilated) if ours else nn.Conv
