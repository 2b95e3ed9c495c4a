"""Chooses the images to hold out: at random, class by class, or by whole groups."""

from typing import Any

import numpy as np

from hptjax.data.labels import listed
from hptjax.errors import DataError


def held_out(
    size: int,
    count: int,
    seed: int,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    name: str = "images",
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of the images that stay, and of those held out, shuffled.

    size: N. count: how many to hold out; with groups, as near to it as they allow. labels: int [N],
    to deal each class by itself. groups: int [N]; the images of a group stay together. The same
    seed gives the same images. Raises DataError for fewer than two groups.
    """
    order = np.random.default_rng(seed).permutation(size)
    if groups is not None:
        held = _whole_groups(groups[order], count, None if labels is None else labels[order], name)
    elif labels is not None:
        held = by_class(labels[order], count)
    else:
        return order[count:], order[:count]
    return order[~held], order[held]


def by_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Picks about `count` of the labels [N], the first ones of each class. Returns bool [N].

    It picks from 1 to n - 1 of a class of n >= 2, none of a class of 1, and `count` if possible.
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
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(labels), int)  # among the labels of the same class
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place < quotas[labels]


def read_groups(groups: Any, size: int, name: str) -> np.ndarray:
    """Returns groups [N], whole numbers or text, as int32 [N] from 0; DataError for others."""
    array = np.asarray(groups)
    if array.shape != (size,):
        raise DataError(
            f"{name}: groups must be [N], one for each of {size} images, got {list(array.shape)}."
        )
    if array.dtype.kind == "O" and all(isinstance(group, str) for group in array.tolist()):
        array = array.astype(str)
    if array.dtype.kind not in "iuSUb":
        raise DataError(f"{name}: groups must be whole numbers or names, got {array.dtype}.")
    return np.unique(array, return_inverse=True)[1].astype(np.int32)


def _whole_groups(
    groups: np.ndarray, count: int, labels: np.ndarray | None, name: str
) -> np.ndarray:
    """Picks groups that hold about `count` images. groups: int [N], shuffled. Returns bool [N].

    labels: int [N] if the shares of the classes matter, too. Each group, in order, is picked if
    that brings the counts nearer to their goals.
    """
    distinct, first = np.unique(groups, return_index=True)
    if len(distinct) < 2:
        raise DataError(f"{name}: a split needs at least 2 groups, there is {listed(distinct)}.")
    kinds = np.zeros(len(groups), int) if labels is None else labels
    table = np.zeros((int(groups.max()) + 1, int(kinds.max()) + 1))
    np.add.at(table, (groups, kinds), 1)
    missing = table.sum(0) * (count / len(groups))
    order, picked = distinct[np.argsort(first)], []
    for group in order:
        after = missing - table[group]
        if (after**2).sum() < (missing**2).sum() and len(picked) < len(order) - 1:
            missing = after
            picked.append(group)
    if not picked:  # each is larger than the goal: pick the one that exceeds it least
        sizes = table[order].sum(1)
        picked = [order[int(np.argmin(sizes))]]
    return np.isin(groups, picked)
