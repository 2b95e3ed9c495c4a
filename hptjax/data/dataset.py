"""One contract for labelled images: whatever a user gives is read here, and kept in one form."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.data.labels import Labels, checked_names, classes_of, indices_of, listed, read_labels
from hptjax.data.pixels import SAID, as_images, darkness, scale_of, to_bytes
from hptjax.data.targets import Kind, names_of, read_targets
from hptjax.errors import DataError


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class ImageDataset:
    """Labelled images of one size. Kept as images: uint8 [N, H, W, C]; labels: int32 [N] in [0, K).

    kind: what the labels are. `classes`, the default, as above; `labels`, of which an image may
    have any: [N, K] of 0 and 1, kept as uint8; `targets`, real numbers [N] or [N, T], kept as
    float32. Nothing is taken for another kind than is said.
    images: [N, H, W, C] or [N, H, W], an array or lists: uint8 as they are; floats from 0 to 1,
    whole numbers whose largest is 128 to 255, and uint16 that reach 32768 are made bytes, which is
    said. channels: allows another C than 1 or 3. labels: [N], [N, 1] or one-hot rows; whole
    numbers, text, bytes or booleans. class_names: the K names, by default the distinct labels; a
    label is the name of its class, or its index where the names are not numbers. Another part
    (validation, test) is given the class_names of the training part. Of labels or targets they name
    the columns, by default by their numbers. name: where the images came
    from; it begins every error. stratified: whether a split deals each class by itself.
    notify: told in one line of each thing done. Raises DataError for anything else.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    channels: int | None
    stratified: bool
    kind: Kind

    def __init__(
        self,
        images: Any,
        labels: Any,
        class_names: Any = None,
        name: str = "images",
        *,
        channels: int | None = None,
        stratified: bool = True,
        kind: Kind = "classes",
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        images = as_images(images, name, channels)
        scale = scale_of(images, name)
        given = read_labels(labels, name) if kind == "classes" else read_targets(labels, kind, name)
        if len(given) != len(images):
            raise DataError(f"{name}: {len(images)} images but {len(given)} labels.")
        if isinstance(given, Labels):
            classes = _classes(given, class_names, name, notify)
            given = indices_of(given, classes, name)
        else:
            classes, stratified = names_of(given, class_names, name), False
        if scale in SAID:
            notify(f"{name}: {SAID[scale]}.")
        elif dark := darkness(images):
            notify(f"{name}: {dark}.")
        kept = {
            "images": to_bytes(images, scale, name),
            "labels": given,
            "class_names": classes,
            "name": name,
            "channels": channels,
            "stratified": stratified,
            "kind": kind,
        }
        for key, value in kept.items():
            object.__setattr__(self, key, value)

    @property
    def size(self) -> int:
        """Number of images N."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """Number of classes K; of labels or targets, where the labels are of that kind."""
        return len(self.class_names)

    def take(self, indices: np.ndarray) -> "ImageDataset":
        """The images of the given indices, in their order. indices: int [M]."""
        return self.changed(images=self.images[indices], labels=self.labels[indices])

    def changed(self, **arrays: np.ndarray) -> "ImageDataset":
        """The same with other arrays, which are of the form that is kept: nothing is read anew."""
        other = copy.copy(self)
        for key, value in arrays.items():
            object.__setattr__(other, key, value)
        return other

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        return (
            f"<ImageDataset {self.name}: {self.size} images of {height} x {width} x {channels}, "
            f"{self.num_classes} {self.kind}>"
        )


def _classes(
    labels: Labels, class_names: Any, name: str, notify: Callable[[str], None]
) -> tuple[str, ...]:
    """The names of the classes: those given, or the distinct labels."""
    if class_names is None:
        return classes_of(labels, name, notify)
    return checked_names(class_names, name)


def check_alike(train: ImageDataset, other: ImageDataset) -> None:
    """DataError unless a validation or test set has the training set's channels and classes."""
    channels, found = train.image_shape[2], other.image_shape[2]
    if found != channels:
        raise DataError(
            f"{other.name}: the last axis of the images is {found} long, that of the training "
            f"images {channels}: save all of them alike."
        )
    if (other.kind, other.labels.shape[1:]) != (train.kind, train.labels.shape[1:]):
        raise DataError(
            f"{other.name}: has {other.kind} [{_axes(other)}], the training images have "
            f"{train.kind} [{_axes(train)}]: give all alike."
        )
    if other.class_names != train.class_names:
        raise DataError(
            f"{other.name}: the {other.kind} are {listed(other.class_names)}, those of the "
            f"training images {listed(train.class_names)}: give all the same class_names."
        )


def _axes(dataset: ImageDataset) -> str:
    return ", ".join(["N", *map(str, dataset.labels.shape[1:])])
