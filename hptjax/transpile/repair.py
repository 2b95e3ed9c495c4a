"""Makes a config consistent with itself and with the images, or says why it cannot be built."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hptjax.config.edit import trimmed_items
from hptjax.config.frozen import SIZE_LIMIT
from hptjax.config.geometry import (
    ChannelStatistics,
    ImageSpec,
    conv_padding,
    conv_size,
    same_padding,
)
from hptjax.config.items import Item
from hptjax.config.model import AnyModel, Model
from hptjax.config.schema import ConvConfig, MLPConfig, ResNetConfig
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Infeasible as LayerInfeasible
from hptjax.records.change import Change

NORMALIZE = "normalize"  # the layer whose options follow from the images


class Infeasible(ConfigError):
    """No network can be built from the config: the image would vanish on its way."""


@dataclass(frozen=True, slots=True)
class RepairResult:
    """A consistent config, and the changes that made it so."""

    config: Any
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """The network that repair made of a proposal, or the reason why none is trained.

    violations: the relative excess over each constraint of its problem, at most 0 if kept;
    infinite if no network can be built.
    """

    config: Any
    changes: tuple[Change, ...] = ()
    infeasible: str | None = None
    violations: tuple[float, ...] = ()


def image_of(model: AnyModel) -> ImageSpec:
    """Returns the images that a model declares; in training, the data set decides.

    Raises ConfigError for a native model that declares none.
    """
    return ImageSpec(*model.image, model.outputs or 1)


def build(config: AnyModel, image: ImageSpec, before: tuple[Change, ...] = ()) -> Candidate:
    """Repairs a config; returns a candidate also if no network can be built.

    before: changes already made to the config.
    """
    try:
        result = repair(config, image)
    except Infeasible as error:
        return Candidate(None, before, str(error))
    return Candidate(result.config, before + result.changes)


def repair(config: AnyModel, image: ImageSpec) -> RepairResult:
    """Fits the config to the images: sizes, channels, paddings, one output per class.

    A second repair changes nothing; the given config is not changed. Raises Infeasible when an
    image would vanish.
    """
    log = _Log()
    if isinstance(config, Model):
        return _repair_native(config, image, log)
    net, inputs = _repair_resnet(config.resnet_config, image, log)
    mlp = _repair_mlp(config.mlp_config, inputs, image.classes, log)
    size = {
        "init_width": log.new("init_width", config.init_width, image.width, "of the images"),
        "init_length": log.new("init_length", config.init_length, image.height, "of the images"),
    }
    repaired = config.model_copy(update={**size, "resnet_config": net, "mlp_config": mlp})
    return RepairResult(repaired, tuple(log.changes))


@dataclass
class _Log:
    changes: list[Change] = field(default_factory=list)

    def new(self, path: str, old: Any, new: Any, why: str) -> Any:
        if old != new:
            self.changes.append(Change(path, old, new, why))
        return new


def _repair_native(config: Model, image: ImageSpec, log: _Log) -> RepairResult:
    size = (image.height, image.width, image.channels)
    if config.input is not None:
        log.new("input", config.input, size, "of the images")
    if config.outputs is not None:
        log.new("outputs", config.outputs, image.classes, "classes")
    layers = trimmed_items(config.layout) if config.layers else ()
    if image.statistics is not None:  # otherwise they stay open: only sizes are asked for
        layers = _normalized(layers, image.statistics)
    repaired = config.model_copy(update={"input": size, "outputs": image.classes, "layers": layers})
    check_sizes(repaired)
    return RepairResult(repaired, tuple(log.changes))


def _normalized(
    layers: tuple[Item, ...], statistics: Callable[[], ChannelStatistics]
) -> tuple[Item, ...]:
    """Returns the layers; those that normalise the images get the training set's statistics."""

    def filled(item: Item) -> Item:
        if item.word == NORMALIZE and not item.options:
            found = statistics()
            return replace(item, options=(("mean", found.mean), ("std", found.std)))
        return replace(item, layers=_normalized(item.layers, statistics))

    return tuple(map(filled, layers))


def check_sizes(model: Model) -> None:
    """Raises Infeasible, naming the layer, if a layer cannot take its input."""
    height, width, channels = model.image
    shape: tuple[int, ...] = (channels, height, width)
    for where, layer in model.located:
        try:
            layer.check(shape)
        except LayerInfeasible as error:
            raise Infeasible(f"{where}: {error}") from None
        shape = layer.out(shape)
        if math.prod(shape) >= SIZE_LIMIT:
            raise Infeasible(
                f"{where}: gives {math.prod(shape)} numbers, 2**31 or more: lower its widths "
                "or those before it."
            )


def _repair_resnet(net: ResNetConfig, image: ImageSpec, log: _Log) -> tuple[ResNetConfig, int]:
    """Returns the repaired ResNet, and the number of its outputs to the MLP."""
    path = "resnet_config.first_conv.in_channels"
    first = net.first_conv
    channels = log.new(path, first.in_channels, image.channels, "channels of the images")
    first = first.model_copy(update={"in_channels": channels})
    height, width = (_first_size(first, n, image) for n in (image.height, image.width))
    blocks, channels = [], first.out_channels
    for i, block in enumerate(net.block_list):
        blocks.append(_repair_block(block, channels, f"resnet_config.block_list.{i}", log))
        channels = block.out_channels
        height, width = ((n - 1) // block.stride + 1 for n in (height, width))
    if min(height, width) < net.pool_size:
        raise Infeasible(
            f"the feature maps are {height}x{width} after the residual blocks, too small for a "
            f"pool of {net.pool_size}x{net.pool_size}: lower a stride or pool_size."
        )
    pooled = (height // net.pool_size) * (width // net.pool_size)
    if channels * pooled >= SIZE_LIMIT:
        raise Infeasible(
            f"the ResNet hands {channels * pooled} numbers to the MLP, 2**31 or more: lower "
            "out_channels of its last stage or resnet_config.first_conv.padding."
        )
    repaired = net.model_copy(update={"first_conv": first, "block_list": tuple(blocks)})
    return repaired, channels * pooled


def _first_size(conv: ConvConfig, size: int, image: ImageSpec) -> int:
    padding = conv_padding(conv)
    if size + sum(padding) < conv.kernel_size:
        raise Infeasible(
            f"the first convolution's kernel of {conv.kernel_size} is larger than the image of "
            f"{image.height}x{image.width} padded by {sum(padding)}: lower "
            "resnet_config.first_conv.kernel_size or use padding 'same'."
        )
    return conv_size(size, conv.kernel_size, conv.stride, padding)


def _repair_block(block: ConvConfig, channels: int, path: str, log: _Log) -> ConvConfig:
    # with other padding, the sizes of main path and shortcut would differ
    agrees = conv_padding(block) == same_padding(block.kernel_size)
    padding = block.padding if agrees else "same"
    why = "main path and shortcut must agree"
    return block.model_copy(
        update={
            "in_channels": log.new(
                f"{path}.in_channels", block.in_channels, channels, "channels of the stage before"
            ),
            "padding": log.new(f"{path}.padding", block.padding, padding, why),
        }
    )


def _repair_mlp(mlp: MLPConfig, inputs: int, classes: int, log: _Log) -> MLPConfig:
    layers, last = [], len(mlp.block_list) - 1
    for i, layer in enumerate(mlp.block_list):
        path = f"mlp_config.block_list.{i}"
        why = "outputs of the layer before" if i else "channels x height x width after pooling"
        update = {"in_size": log.new(f"{path}.in_size", layer.in_size, inputs, why)}
        if i == last:
            update["out_size"] = log.new(f"{path}.out_size", layer.out_size, classes, "classes")
        layers.append(layer.model_copy(update=update))
        inputs = layers[-1].out_size
    return mlp.model_copy(update={"block_list": tuple(layers)})
