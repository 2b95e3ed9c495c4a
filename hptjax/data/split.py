"""Dealing images into a training and a validation set."""

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError, DataError


def train_validation_split(
    dataset: ImageDataset, *, fraction: float = 0.2, seed: int, stratified: bool | None = None
) -> tuple[ImageDataset, ImageDataset]:
    """Deals the images at random into a training and a validation set; same seed, same split.

    fraction: the share of images that goes to validation (rounded, at least one on either side).
    stratified: deals each class by itself, so that both sets hold every class of two images or
    more (by default as the data set says: yes for classes, but for sample and fashion_mnist).
    Raises ConfigError for a fraction outside (0, 1) and for a deal by classes where there are none,
    DataError for fewer than two images.
    """
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"validation fraction must be between 0 and 1, got {fraction}.")
    if dataset.size < 2:
        raise DataError(f"{dataset.name}: a split needs at least 2 images, got {dataset.size}.")
    held_out = min(max(round(dataset.size * fraction), 1), dataset.size - 1)
    order = np.random.default_rng(seed).permutation(dataset.size)
    if _by_class(dataset, stratified):
        held = _stratified(dataset.labels[order], held_out)
        return dataset.take(order[~held]), dataset.take(order[held])
    return dataset.take(order[held_out:]), dataset.take(order[:held_out])


def limited(
    dataset: ImageDataset, count: int, seed: int, stratified: bool | None = None
) -> ImageDataset:
    """That many images, chosen at random, in their order; all where there are no more."""
    by_class = _by_class(dataset, stratified)
    if count >= dataset.size:
        return dataset
    order = np.random.default_rng(seed).permutation(dataset.size)
    chosen = order[_stratified(dataset.labels[order], count)] if by_class else order[:count]
    return dataset.take(np.sort(chosen))


def _by_class(dataset: ImageDataset, stratified: bool | None) -> bool:
    """Whether each class is dealt by itself; ConfigError where there are none."""
    if stratified and dataset.kind != "classes":
        raise ConfigError(
            f"stratified: {dataset.name} has {dataset.kind} and no classes to deal by themselves; "
            "leave it out."
        )
    return dataset.stratified if stratified is None else stratified


def _stratified(labels: np.ndarray, count: int) -> np.ndarray:
    """Picks about `count` of the labels [N], the first ones of each class. Returns bool [N].

    Of a class of n >= 2 from 1 to n - 1, of a class of 1 none; count is kept where that allows it.
    """
    sizes = np.bincount(labels)
    if sizes.max() < 2:
        return np.arange(len(labels)) < count
    most = np.maximum(sizes - 1, 0)
    exact = sizes * (count / len(labels))
    quotas = np.clip(np.floor(exact), np.minimum(most, 1), most).astype(int)
    while quotas.sum() < count and (quotas < most).any():
        quotas[np.argmax(np.where(quotas < most, exact - quotas, -np.inf))] += 1
    while quotas.sum() > count and (quotas > 1).any():
        quotas[np.argmin(np.where(quotas > 1, exact - quotas, np.inf))] -= 1
    by_class = np.argsort(labels, kind="stable")
    place = np.empty(len(labels), int)  # among the labels of the same class
    place[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place < quotas[labels]
