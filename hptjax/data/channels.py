"""Mean and spread of the channels of a training set."""

from functools import cache, partial

import numpy as np

from hptjax.config.geometry import ChannelStatistics, ImageSpec
from hptjax.data.dataset import ImageDataset


def spec_of(dataset: ImageDataset, outputs: int) -> ImageSpec:
    """What networks must fit that are trained on these images and give so many outputs."""
    return ImageSpec(*dataset.image_shape, outputs, cache(partial(channel_statistics, dataset)))


def channel_statistics(dataset: ImageDataset) -> ChannelStatistics:
    """Exact ones, of all pixels, from their counts; a channel of one grey has the std of one step.

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
