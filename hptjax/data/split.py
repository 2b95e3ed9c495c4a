"""Dealing images into a training and a validation set."""

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.deal import by_class


def train_validation_split(
    dataset: ImageDataset, *, fraction: float = 0.2, seed: int, stratified: bool | None = None
) -> tuple[ImageDataset, ImageDataset]:
    """Deals the images at random into a training and a validation set; same seed, same split.

    As `ImageDataset.split`, by which groups of images may be kept together.

    Example:
        >>> import hptjax
        >>> images = hptjax.load_images("sample")
        >>> train, validation = hptjax.train_validation_split(images, seed=0)
        >>> train.size, validation.size
        (4800, 1200)
    """
    return dataset.split(fraction, stratified=stratified, seed=seed)


def limited(
    dataset: ImageDataset, count: int, seed: int, stratified: bool | None = None
) -> ImageDataset:
    """That many images, chosen at random, in their order; all where there are no more."""
    apart = dataset.deals_by_class(stratified)
    if count >= dataset.size:
        return dataset
    order = np.random.default_rng(seed).permutation(dataset.size)
    chosen = order[by_class(dataset.labels[order], count)] if apart else order[:count]
    return dataset.take(np.sort(chosen))
