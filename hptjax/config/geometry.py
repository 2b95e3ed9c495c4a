"""Sizes of feature maps, paddings, and the images that a network must fit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hptjax.config.schema import ConvConfig


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The images that a network must fit: height, width, colour channels, number of classes.

    statistics: a function that returns the mean and the standard deviation of each channel of the
    training images, with pixels from 0 to 1; None if they are not known.
    """

    height: int
    width: int
    channels: int
    classes: int
    statistics: "Callable[[], ChannelStatistics] | None" = field(
        default=None, compare=False, repr=False
    )


class ChannelStatistics(NamedTuple):
    """Mean and standard deviation of each channel, with pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def same_padding(kernel: int) -> tuple[int, int]:
    """The padding (before, after) that keeps the size at stride 1, as in PyTorch.

    An even kernel gets one more pixel after than before.
    """
    return (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2


def conv_padding(conv: ConvConfig) -> tuple[int, int]:
    """Padding (before, after) of a convolution."""
    if conv.padding == "same":
        return same_padding(conv.kernel_size)
    return conv.padding, conv.padding


def conv_size(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> int:
    """Output size of a convolution along one axis; below 1 no image is left."""
    return (size + sum(padding) - kernel) // stride + 1
