"""Sizes of feature maps, paddings, and what the images of a data set ask of a network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hptjax.config.schema import ConvConfig


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What a network must fit: image height and width, colour channels, number of classes.

    statistics: gives mean and standard deviation of each channel of the training images, from 0 to
    1; None where they are not known.
    """

    height: int
    width: int
    channels: int
    classes: int
    statistics: "Callable[[], ChannelStatistics] | None" = field(
        default=None, compare=False, repr=False
    )


class ChannelStatistics(NamedTuple):
    """Mean and standard deviation of each channel, of pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def same_padding(kernel: int) -> tuple[int, int]:
    """Padding (before, after) that keeps the size at stride 1, as PyTorch's.

    An even kernel pads one more after.
    """
    return (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2


def conv_padding(conv: ConvConfig) -> tuple[int, int]:
    """Padding (before, after) of a convolution."""
    if conv.padding == "same":
        return same_padding(conv.kernel_size)
    return conv.padding, conv.padding


def conv_size(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> int:
    """Output size of a convolution along one axis; below 1 the image has vanished."""
    return (size + sum(padding) - kernel) // stride + 1
