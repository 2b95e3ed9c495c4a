"""Remarks on images, to read before anything is trained on them."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.labels import listed

UNBALANCED = 10  # ratio of the largest class to the smallest
FEW = 10  # training images of a class


def value_range(images: np.ndarray) -> tuple[int, int, float]:
    """Returns the least and the largest number of uint8 images, and their mean."""
    return int(images.min()), int(images.max()), float(images.mean(dtype=np.float64))


def concerns(parts: Mapping[str, ImageDataset]) -> list[str]:
    """Returns possible mistakes, one sentence each. parts: train, validation, perhaps test."""
    found = []
    train = parts["train"]
    if train.kind != "targets":
        for name, part in parts.items():
            found += _absent(name, part)
        found += _unbalanced(train)
    found += _twice(train)
    names = list(parts)
    for k, first in enumerate(names):
        found += [_shared(parts, first, other) for other in names[k + 1 :]]
    return [line for line in found if line]


def _absent(name: str, part: ImageDataset) -> list[str]:
    absent = [own for own, count in part.counts.items() if not count]
    return [f"no image of {name} is of {listed(absent)}"] if absent else []


def _unbalanced(train: ImageDataset) -> list[str]:
    counts = {name: count for name, count in train.counts.items() if count}
    low, high = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    found = []
    if counts[high] >= UNBALANCED * counts[low]:
        found.append(
            f"{high} has {counts[high] / counts[low]:.0f} times as many images for training as "
            f"{low} ({counts[high]}, {counts[low]}): accuracy hides rare classes, metric: "
            "val_macro_f1 does not"
        )
    few = [name for name, count in counts.items() if count < FEW]
    if few:
        found.append(f"fewer than {FEW} images for training are of {listed(few)}")
    return found


def _digests(part: ImageDataset) -> list[bytes]:
    return [hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in part.images]


def _twice(train: ImageDataset) -> list[str]:
    """Returns a remark on pictures that the training set has several times."""
    labels: dict[bytes, list[bytes]] = defaultdict(list)
    for digest, label in zip(_digests(train), train.labels, strict=True):
        labels[digest].append(np.asarray(label).tobytes())
    spare = sum(len(own) - 1 for own in labels.values())
    torn = sum(len(set(own)) > 1 for own in labels.values())
    repeat, have = "repeats" if spare == 1 else "repeat", "has" if torn == 1 else "have"
    found = [f"{_pictures(spare)} of train {repeat} another one of it"] if spare else []
    return found + ([f"{_pictures(torn)} of train {have} several labels"] if torn else [])


def shared_images(one: ImageDataset, other: ImageDataset) -> int:
    """Returns how many images of the other set are in this one, bit for bit; 0 if sizes differ."""
    if one.image_shape != other.image_shape:
        return 0
    known = set(_digests(one))
    return sum(digest in known for digest in _digests(other))


def _shared(parts: Mapping[str, ImageDataset], first: str, other: str) -> str:
    """Returns a remark on pictures of one part that are in another, bit for bit."""
    count = shared_images(parts[first], parts[other])
    is_in = "is in" if count == 1 else "are in"
    return f"{_pictures(count)} of {other} {is_in} {first}, too, to the last bit" if count else ""


def _pictures(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
