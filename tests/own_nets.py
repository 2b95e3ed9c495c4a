"""Networks as users write them, in linen and in nnx, good and bad."""

import flax.linen as nn
import jax.numpy as jnp
from flax import nnx

import hptjax.nn as hnn


class Plain(nn.Module):
    """Plain Flax: a convolution, a batch norm and a dropout of a fixed rate."""

    num_classes: int
    widths: tuple[int, ...] = (4,)

    @nn.compact
    def __call__(self, x, train: bool, scale: float = 1.0):
        for width in self.widths:
            x = nn.Conv(width, (3, 3), use_bias=False)(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Dropout(0.3, deterministic=not train)(x.mean((1, 2)))
        return scale * nn.Dense(self.num_classes, name="head")(x)


class Ours(nn.Module):
    """Of hptjax.nn, with a traced rate."""

    outputs: int
    width: int

    @nn.compact
    def __call__(self, x, dropout, *, deterministic):
        x = hnn.Conv(self.width, (3, 3), strides=2, use_bias=False)(x)
        x = nn.relu(hnn.BatchNorm(use_running_average=deterministic)(x))
        x = hnn.max_pool(x, (2, 2), (2, 2))
        x = hnn.Dropout(dropout, deterministic=deterministic)(x.mean((1, 2)))
        return nn.Dense(self.outputs)(x)


class Misspelt(nn.Module):
    """Names a layer that Flax has not."""

    num_classes: int

    @nn.compact
    def __call__(self, x):
        return nn.Denze(self.num_classes)(x.mean((1, 2)))  # pyright: ignore


class Nnx(nnx.Module):
    def __init__(self, in_features: int, num_classes: int, width: int = 4, *, rngs: nnx.Rngs):
        bridge = hnn.conv_general_dilated
        conv = nnx.Conv(in_features, width, (3, 3), conv_general_dilated=bridge, rngs=rngs)
        self.convs = nnx.List([conv])
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.head = nnx.Linear(width, num_classes, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(nnx.relu(self.norm(self.convs[0](x))).mean((1, 2))))


class TracedRate(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x, train, rate):
        x = nn.Dropout(rate, deterministic=not train)(x.mean((1, 2)))
        return nn.Dense(self.num_classes)(x)


class HalfPrecision(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.num_classes, param_dtype=jnp.bfloat16)(x.mean((1, 2)))


class Cached(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x):
        self.variable("cache", "seen", jnp.zeros, ())
        return nn.Dense(self.num_classes)(x.mean((1, 2)))


class NnxCached(nnx.Module):
    def __init__(self, num_classes: int, in_features: int, rngs: nnx.Rngs):
        self.head = nnx.Linear(in_features, num_classes, rngs=rngs)
        self.seen = nnx.Cache(jnp.zeros(()))

    def __call__(self, x):
        return self.head(x.mean((1, 2)))


class Unaware(nn.Module):
    """It cannot be told how many outputs it has."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(10)(x.mean((1, 2)))


class Uncallable(nn.Module):
    num_classes: int


class OfOtherShape(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.num_classes)(x)


class Failing(nn.Module):
    num_classes: int
    depth: int = 1

    @nn.compact
    def __call__(self, x):
        if self.depth > 1:
            raise ValueError("the maps are too small for this depth")
        return nn.Dense(self.num_classes)(x.mean((1, 2)))
