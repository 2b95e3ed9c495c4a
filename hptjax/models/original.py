"""Adapts the dict form of the original study's networks to layers; no other file knows both.

The weights keep the names of `hptjax.models.classifier`, and the draws keep their places.
"""

from hptjax.config.geometry import conv_padding, same_padding
from hptjax.config.schema import BlockConfig, ConvConfig, ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Layer
from hptjax.models.layers.conv import Conv
from hptjax.models.layers.flatten import Flatten
from hptjax.models.layers.linear import Linear
from hptjax.models.layers.norms import BATCH_NORM, NO_NORM
from hptjax.models.layers.pools import AvgPool
from hptjax.models.layers.residual import Residual
from hptjax.models.placed import Placed, named

FIRST, BLOCK, UNITS = "first_conv", "blocks", "mlp"
_INNER = {"norm1": "bn1", "norm2": "bn2", "norm_projection": "bn_proj"}
_CONVS = {"conv": "conv", "conv1": "conv1/conv", "conv2": "conv2/conv"}
_CONVS |= {"projection": "conv_proj/conv"}


def lowered(config: ModelConfig) -> tuple[Placed, ...]:
    """Returns the first convolution, residual blocks, pool and MLP of a checked config."""
    net, mlp = config.resnet_config, config.mlp_config
    layers = [named(FIRST, _conv(net.first_conv))]
    layers += [named(f"{BLOCK}.{i}", _block(block)) for i, block in enumerate(net.block_list)]
    if net.pool_size > 1:
        layers.append(named("pool", AvgPool.model_construct(size=net.pool_size)))
    layers.append(named("flatten", Flatten.model_construct()))
    activations = mlp.computed_activations
    for i, (own, activation) in enumerate(zip(mlp.block_list, activations, strict=True)):
        layer = Linear.model_construct(
            out_features=own.out_size,
            norm=BATCH_NORM if own.batch_norm else NO_NORM,
            activation=activation,
            dropout=own.dropout,
        )
        layers.append(Placed(f"{UNITS}.{i}", layer, i))
    return tuple(layers)


def _conv(conv: ConvConfig) -> Layer:
    return Conv.model_construct(
        out_channels=conv.out_channels,
        kernel_size=conv.kernel_size,
        stride=conv.stride,
        padding=conv.padding,
        activation=conv.activation_fun,
    )


def _block(block: BlockConfig) -> Layer:
    if same_padding(block.kernel_size) != conv_padding(block):
        raise ConfigError(
            f"A residual block needs padding 'same', got {block.padding} with kernel"
            f" {block.kernel_size}: repair the config first (hptjax.transpile.repair)."
        )
    return Residual.model_construct(
        out_channels=block.out_channels,
        kernel_size=block.kernel_size,
        stride=block.stride,
        shortcut="projection",
        activation=block.activation_fun,
    )


def module_path(name: str, inner: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the path of a layer's submodule in the Classifier; name: of the layer."""
    kind, _, index = name.partition(".")
    if kind == UNITS:
        return "mlp", f"{'bn' if inner[0] == 'norm' else inner[0]}_{index}"
    stage = FIRST if kind == FIRST else f"blocks_{index}"
    own = _INNER.get(inner[0]) or _CONVS[inner[0]]
    return "resnet", stage, *own.split("/")
