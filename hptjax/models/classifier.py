"""The networks as Flax modules at their exact shape: NHWC images in, logits out.

Batch norm and dropout follow PyTorch: the running variance divides by n - 1, and dropout draws once
for each unit and image. Numbers that a search may tune without a new program (dropout rate, batch
norm on or off) shape no array, so they are plain fields here.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from hptjax.config.geometry import conv_padding
from hptjax.config.schema import BlockConfig, ConvConfig, LinearConfig, ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.layers.modules import torch_uniform
from hptjax.models.layers.norms import BatchNormModule
from hptjax.ops.activations import find_activation
from hptjax.ops.dropout import dropout

BatchNorm = BatchNormModule


class Conv(nn.Module):
    """A convolution with bias, PyTorch's initial weights and PyTorch's 'same' padding."""

    config: ConvConfig

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c = self.config
        init = torch_uniform(c.kernel_size**2 * x.shape[-1])
        pad = conv_padding(c)
        size, stride = (c.kernel_size,) * 2, (c.stride,) * 2
        return nn.Conv(
            c.out_channels, size, stride, (pad, pad), kernel_init=init, bias_init=init, name="conv"
        )(x)


class ResBlock(nn.Module):
    """conv-bn-act-conv-bn, plus a 1x1 projection with batch norm (always present), then act."""

    config: BlockConfig

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        c = self.config
        second = c.model_copy(update={"stride": 1, "in_channels": c.out_channels})
        project = c.model_copy(update={"kernel_size": 1, "padding": 0})
        act = find_activation(c.activation_fun).fn
        y = act(BatchNorm(name="bn1")(Conv(c, name="conv1")(x), train=train))
        y = BatchNorm(name="bn2")(Conv(second, name="conv2")(y), train=train)
        shortcut = BatchNorm(name="bn_proj")(Conv(project, name="conv_proj")(x), train=train)
        return act(y + shortcut)


class ResNet(nn.Module):
    """First convolution, residual blocks, average pool: [B, H, W, C] -> [B, H', W', C']."""

    first_conv: ConvConfig
    blocks: tuple[BlockConfig, ...]
    pool_size: int = 1

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = Conv(self.first_conv, name="first_conv")(x)
        x = find_activation(self.first_conv.activation_fun).fn(x)
        for i, block in enumerate(self.blocks):
            x = ResBlock(block, name=f"blocks_{i}")(x, train=train)
        return nn.avg_pool(x, (self.pool_size,) * 2, (self.pool_size,) * 2)


class MLP(nn.Module):
    """Blocks of linear, optional batch norm, activation, dropout: [B, N] -> [B, last units]."""

    blocks: tuple[LinearConfig, ...]

    @nn.compact
    def __call__(self, x: Array, *, train: bool, dropout_key: Array | None = None) -> Array:
        """dropout_key: key of the masks; by default drawn from the "dropout" stream if needed."""
        if train and dropout_key is None and any(block.dropout for block in self.blocks):
            dropout_key = self.make_rng("dropout")
        for i, block in enumerate(self.blocks):
            init = torch_uniform(x.shape[-1])
            dense = nn.Dense(block.out_size, kernel_init=init, bias_init=init, name=f"linear_{i}")
            x = dense(x)
            if block.batch_norm:
                x = BatchNorm(name=f"bn_{i}")(x, train=train)
            x = find_activation(block.activation_fun).fn(x)
            if train and block.dropout:
                assert dropout_key is not None
                x = dropout(x.T, jnp.float32(block.dropout), jax.random.fold_in(dropout_key, i)).T
        return x


def as_floats(images: Array) -> Array:
    """Converts bytes to floats in [0, 1], keeps floats as they are; ConfigError for other types."""
    images = jnp.asarray(images)
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 255
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ConfigError(
            f"images must be floats from 0 to 1, or uint8 from 0 to 255, got {images.dtype}."
        )
    return images


class Classifier(nn.Module):
    """ResNet -> MLP: images [B, H, W, C] in [0, 1] -> logits [B, K].

    Example:
        >>> import hptjax, jax
        >>> config = hptjax.load_model_config("model")
        >>> variables = hptjax.init_variables(config, jax.random.key(0))
        >>> module = hptjax.Classifier.from_config(config)
        >>> module.apply(variables, jax.numpy.zeros((2, 28, 28, 1)), train=False).shape
        (2, 10)
    """

    resnet: ResNet
    mlp: MLP

    @classmethod
    def from_config(cls, config: ModelConfig) -> "Classifier":
        """Returns the network of a repaired config; the loss computes a last logsoftmax."""
        mlp, net = config.mlp_config, config.resnet_config
        layers = tuple(
            layer.model_copy(update={"activation_fun": name})
            for layer, name in zip(mlp.block_list, mlp.computed_activations, strict=True)
        )
        return cls(ResNet(net.first_conv, net.block_list, net.pool_size), MLP(layers))

    def __call__(self, x: Array, *, train: bool, dropout_key: Array | None = None) -> Array:
        """Returns logits [B, K] of images [B, H, W, C], floats in [0, 1] or uint8 (divided by 255).

        train: use the batch's statistics in batch norm, and dropout. dropout_key: key of the masks.
        Raises ConfigError for images of other whole numbers.
        """
        x = self.resnet(as_floats(x), train=train)
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)  # PyTorch's order: channel, row, column
        return self.mlp(x, train=train, dropout_key=dropout_key)
