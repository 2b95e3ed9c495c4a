"""The network as the engine computes it: a pure function of one member's padded weights.

hptjax.models.classifier is the same network as Flax modules at its exact shape; the tests hold the
two together.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from hptjax.config.geometry import same_padding
from hptjax.models.signature import Signature
from hptjax.ops.conv import conv
from hptjax.ops.norm import normalise, normalise_by, running, unbiased
from hptjax.ops.pointwise import activate, average_pool, dropout

Params: TypeAlias = dict[str, Array]
AnyArray: TypeAlias = Any  # numpy arrays while packed on the host, JAX arrays in the program


@struct.dataclass
class Knobs:
    """The traced numbers of one member: scalars, and [depth] arrays for the layers of the MLP."""

    lr: AnyArray
    weight_decay: AnyArray
    beta_1: AnyArray
    beta_2: AnyArray
    batch_norm: AnyArray  # [depth] bool
    activation: AnyArray  # [depth] index into ACTIVATIONS
    dropout: AnyArray  # [depth] rates
    units: AnyArray  # [depth] true widths
    trial: AnyArray  # uint32, the number from which the member's random keys derive


class Network:
    """Computes one network; collects the new running statistics when training."""

    def __init__(self, signature: Signature, params: Params, stats: Params, *, train: bool):
        self.signature, self.params, self.stats, self.train = signature, params, stats, train
        self.new_stats = dict(stats)

    def logits(self, x: Array, knobs: Knobs, key: Array | None) -> Array:
        """x: [G, C, H, W, b] -> [K, G * b]; key: of this step's dropout, None in evaluation."""
        x = self._features(x)
        groups, channels, height, width, images = x.shape
        x = x.transpose(1, 2, 3, 0, 4).reshape(channels * height * width, groups * images)
        for i in range(self.signature.depth):
            x = self._mlp_layer(x, i, knobs, key)
        return x

    def _features(self, x: Array) -> Array:
        kernel, stride, pad = self.signature.first
        first = self.params["first_conv.kernel"]
        x = conv(x, first, stride=stride, padding=pad, input_grad=False)
        x = x + self.params["first_conv.bias"][:, None, None, None]
        for i, (kernel, stride) in enumerate(self.signature.blocks):
            x = self._block(x, f"blocks.{i}", kernel, stride)
        return average_pool(x, self.signature.pool)

    def _block(self, x: Array, name: str, kernel: int, stride: int) -> Array:
        pad = same_padding(kernel)
        y = self._conv_norm(x, f"{name}.conv1", f"{name}.bn1", stride, pad)
        y = self._conv_norm(jax.nn.relu(y), f"{name}.conv2", f"{name}.bn2", 1, pad)
        return jax.nn.relu(y + self._conv_norm(x, f"{name}.conv_proj", f"{name}.bn_proj", stride))

    def _conv_norm(self, x: Array, name: str, norm: str, stride: int, pad=(0, 0)) -> Array:
        y = conv(x, self.params[f"{name}.kernel"], stride=stride, padding=pad)
        bias = self.params[f"{name}.bias"]
        if self.train:
            # Batch norm removes the bias again: it shows in the running mean alone, and its
            # gradient is exactly zero.
            return self._norm_batch(y, norm, 1, bias)
        return self._norm_running(y + bias[:, None, None, None], norm, 1)

    def _mlp_layer(self, x: Array, i: int, knobs: Knobs, key: Array | None) -> Array:
        name = f"mlp.{i}"
        kernel = self.params[f"{name}.linear.kernel"]
        x = kernel.reshape(kernel.shape[0], -1) @ x + self.params[f"{name}.linear.bias"][:, None]
        if self.train:
            normal = self._norm_batch(x, f"{name}.bn", 0, 0.0)
        else:
            normal = self._norm_running(x, f"{name}.bn", 0)
        x = jnp.where(knobs.batch_norm[i], normal, x)
        x = activate(x, knobs.activation[i], jnp.arange(x.shape[0]) < knobs.units[i])
        if key is not None:
            x = dropout(x, knobs.dropout[i], jax.random.fold_in(key, jnp.uint32(i)))
        return x

    def _norm_batch(self, x: Array, name: str, axis: int, bias: Array | float) -> Array:
        y, mean, var = normalise(
            x, self.params[f"{name}.scale"], self.params[f"{name}.shift"], axis
        )
        count = x.size // x.shape[axis]
        for part, new in (("mean", mean + bias), ("var", unbiased(var, count))):
            self.new_stats[f"{name}.{part}"] = running(self.stats[f"{name}.{part}"], new)
        return y

    def _norm_running(self, x: Array, name: str, axis: int) -> Array:
        p, s = self.params, self.stats
        return normalise_by(
            x, s[f"{name}.mean"], s[f"{name}.var"], p[f"{name}.scale"], p[f"{name}.shift"], axis
        )


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Negative log-likelihood of each image: logits [K, B], labels [B] -> [B]."""
    picked = jnp.take_along_axis(logits, labels[None], 0)[0]
    return jax.nn.logsumexp(logits, 0) - picked


def correct(logits: Array, labels: Array) -> Array:
    """Whether each image is classified right: [B] bool; a network that gives NaN is never right."""
    return (jnp.argmax(logits, 0) == labels) & jnp.isfinite(logits).all(0)
