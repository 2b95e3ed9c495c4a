"""Pieces of the layers' exact Flax modules: PyTorch's initial weights, activation and dropout."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops.activations import find_activation
from hptjax.ops.dropout import dropout


def torch_uniform(fan_in: int):
    """Returns PyTorch's default initialiser: U(+-1 / sqrt(fan_in)), for kernels and biases."""

    def init(key: Array, shape: Sequence[int], dtype=jnp.float32) -> Array:
        limit = fan_in**-0.5
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


class ExactConv(nn.Module):
    """A convolution of images [B, H, W, C], with PyTorch's initial weights.

    padding: (before, after) of rows and of columns; groups: passed as `feature_group_count`.
    """

    features: int
    kernel_size: tuple[int, int]
    stride: int
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: int = 1
    groups: int = 1
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        height, width = self.kernel_size
        inputs = x.shape[-1] // self.groups
        init = torch_uniform(height * width * inputs)
        kernel = self.param("kernel", init, (height, width, inputs, self.features))
        y = jax.lax.conv_general_dilated(
            x,
            kernel,
            (self.stride, self.stride),
            self.padding,
            rhs_dilation=(self.dilation, self.dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=self.groups,
        )
        return y + self.param("bias", init, (self.features,)) if self.use_bias else y


def finished(x: Array, activation: str, rate: float, *, train: bool, key: Array | None) -> Array:
    """Applies an activation and, in training, dropout to x [B, ..., C]; key: key of the draws."""
    x = find_activation(activation).fn(x)
    if not train or not rate or key is None:
        return x
    y = dropout(jnp.moveaxis(x, (0, -1), (-1, 0)), jnp.float32(rate), key)
    return jnp.moveaxis(y, (0, -1), (-1, 0))
