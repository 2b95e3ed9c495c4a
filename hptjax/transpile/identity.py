"""Tells when two configs are one network: when the same is computed, however it is written."""

from collections.abc import Hashable
from typing import Any

from hptjax.config.geometry import conv_padding
from hptjax.config.model import AnyModel, Model
from hptjax.config.schema import ConvConfig


def as_computed(config: AnyModel) -> Hashable:
    """Returns a value that is equal for two networks trained alike, given the same random keys.

    Padding is counted in pixels, whether written as a number or as "same". A log-softmax after the
    last layer is part of the loss. Where images and labels lie in the data does not count, nor do
    the names of layers.
    """
    recipe = (
        (config.batch_size, config.precision, config.lr, config.weight_decay, config.warmup),
        (config.optimizer, config.lr_schedule, config.task, config.augment),
    )
    if isinstance(config, Model):
        return (*recipe, config.input, tuple(_layer(layer) for _, layer in config.expanded))
    net, mlp = config.resnet_config, config.mlp_config
    return (
        *recipe,
        (config.init_length, config.init_width, net.pool_size),
        tuple(map(_conv, (net.first_conv, *net.block_list))),
        tuple(
            (layer.in_size, layer.out_size, activation, layer.batch_norm, layer.dropout)
            for layer, activation in zip(mlp.block_list, mlp.computed_activations, strict=True)
        ),
    )


def _layer(layer: Any) -> Hashable:
    """Returns a layer with padding counted in pixels, and both sides of its kernel."""
    fields = dict(layer)
    if "padding" in fields and hasattr(layer, "pads"):
        fields["padding"] = layer.pads
    kernel = fields.get("kernel_size")
    if isinstance(kernel, int):
        fields["kernel_size"] = (kernel, kernel)
    return type(layer), tuple(fields.items())


def _conv(conv: ConvConfig) -> Hashable:
    return (
        (conv.in_channels, conv.out_channels),
        (conv.kernel_size, conv.stride, conv_padding(conv)),
        conv.activation_fun,
    )
