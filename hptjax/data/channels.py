"""The mean and standard deviation of the channels of a training set."""

from functools import cache, partial

import numpy as np

from hptjax.config.geometry import ChannelStatistics, ImageSpec
from hptjax.data.dataset import ImageDataset


def spec_of(dataset: ImageDataset, outputs: int) -> ImageSpec:
    """Returns what networks must fit to train on these images, with this number of outputs."""
    return ImageSpec(*dataset.image_shape, outputs, cache(partial(channel_statistics, dataset)))


def channel_statistics(dataset: ImageDataset) -> ChannelStatistics:
    """Returns exact statistics of all pixels, from counts; a channel of one grey has std 1 / 255.

    Pixels count from 0 to 1.
    """
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in np.moveaxis(dataset.images, -1, 0):
        counts = np.bincount(channel.reshape(-1), minlength=256)
        share = counts / counts.sum()
        mean.append(float(share @ levels))
        std.append(float(max(np.sqrt(share @ (levels - mean[-1]) ** 2), 1 / 255)))
    return ChannelStatistics(tuple(mean), tuple(std))
