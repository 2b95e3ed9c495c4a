"""One contract for labelled images: whatever a user gives is read here, and kept in one form."""

import copy
import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hptjax.data.deal import held_out, read_groups
from hptjax.data.from_others import FromOthers
from hptjax.data.given import Reader, has_pictures
from hptjax.data.labels import Labels, checked_names, classes_of, indices_of, listed, read_labels
from hptjax.data.parts import warn
from hptjax.data.pixels import SAID, as_images, darkness, scale_of, to_bytes
from hptjax.data.sheet import chosen, columns_for, png_text, sheet
from hptjax.data.targets import Kind, names_of, read_targets
from hptjax.errors import ConfigError, DataError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class ImageDataset(FromOthers):
    """Labelled images of one size. Kept as images: uint8 [N, H, W, C]; labels: int32 [N] in [0, K).

    kind: what the labels are. `classes`, the default, as above; `labels`, of which an image may
    have any: [N, K] of 0 and 1, kept as uint8; `targets`, real numbers [N] or [N, T], kept as
    float32. Nothing is taken for another kind than is said.
    images: [N, H, W, C] or [N, H, W], an array, lists, or a list of Pillow's images: uint8 as they
    are; floats from 0 to 1, whole numbers whose largest is 128 to 255, and uint16 that reach 32768
    are made bytes, which is said. channels: allows another C than 1 or 3. labels: [N], [N, 1] or
    one-hot rows; whole numbers, text, bytes or booleans. class_names: the K names, by default the
    distinct labels; a label is the name of its class, or its index where the names are not numbers.
    Another part (validation, test) is given the class_names of the training part. Of labels or
    targets they name the columns, by default by their numbers. name: where the images came from; it
    begins every error. stratified: whether a split deals each class by itself.
    groups: [N] whole numbers or names; a split never tears those of one group apart.
    What is kept is the dataset's own: bytes are copied, but for arrays that nobody can write to.
    notify: told in one line of each thing done. Raises DataError for anything else.

    Example:
        >>> import hptjax, numpy as np
        >>> images = np.zeros((4, 8, 8), np.uint8)
        >>> images[2:] = 255
        >>> data = hptjax.ImageDataset(images, ["night", "night", "day", "day"])
        >>> data.class_names, data.image_shape
        (('day', 'night'), (8, 8, 1))
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    channels: int | None
    stratified: bool
    kind: Kind
    groups: np.ndarray | None

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
        groups: Any = None,
        notify: Callable[[str], None] = warn,
    ) -> None:
        if has_pictures(images):
            images = Reader(name, None, channels, notify).together(images)
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
            "images": _own(to_bytes(images, scale, name), images),
            "labels": given,
            "class_names": classes,
            "name": name,
            "channels": channels,
            "stratified": stratified,
            "kind": kind,
            "groups": None if groups is None else read_groups(groups, len(images), name),
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
        groups = None if self.groups is None else self.groups[indices]
        return self.changed(images=self.images[indices], labels=self.labels[indices], groups=groups)

    @property
    def counts(self) -> dict[str, int]:
        """{class name: its images}; of labels how many images have each; DataError for targets."""
        if self.kind == "targets":
            raise DataError(
                f"{self.name}: has targets, which are real numbers and are not counted."
            )
        if self.kind == "labels":
            counts = self.labels.sum(0, dtype=int)
        else:
            counts = np.bincount(self.labels, minlength=self.num_classes)
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def split(
        self,
        fraction: float | None = None,
        *,
        images: int | None = None,
        stratified: bool | None = None,
        seed: int,
        groups: Any = None,
    ) -> "tuple[ImageDataset, ImageDataset]":
        """Deals the images at random into a training and a validation set; same seed, same split.

        fraction: the share of images that goes to validation (rounded, at least one on either side;
        by default 0.2); images: their number, in its place. stratified: deals each class by itself,
        so that both sets hold every class of two images or more (by default as the data set says:
        yes for classes, but for sample and fashion_mnist). groups: [N], of which none is torn apart
        (by default the dataset's own, if it has some); the number is then as near as they allow.
        Raises ConfigError for a fraction outside (0, 1), for more images than there are, and for a
        deal by classes where there are none, DataError for fewer than two images or groups.
        """
        if fraction is not None and images is not None:
            raise ConfigError("split: takes fraction or images, got both.")
        count = self._held_out(0.2 if fraction is None else fraction, images)
        own = self.groups if groups is None else read_groups(groups, self.size, self.name)
        labels = self.labels if self.deals_by_class(stratified) else None
        stay, held = held_out(self.size, count, seed, labels, own, self.name)
        return self.take(stay), self.take(held)

    def _held_out(self, fraction: float, images: int | None) -> int:
        """How many images go to validation."""
        if images is None and not 0.0 < fraction < 1.0:
            raise ConfigError(f"validation fraction must be between 0 and 1, got {fraction}.")
        if self.size < 2:
            raise DataError(f"{self.name}: a split needs at least 2 images, got {self.size}.")
        if images is None:
            return min(max(round(self.size * fraction), 1), self.size - 1)
        if not 0 < images < self.size:
            raise ConfigError(
                f"{self.name}: of {self.size} images 1 to {self.size - 1} can be for validation, "
                f"got {images}."
            )
        return images

    def deals_by_class(self, stratified: bool | None) -> bool:
        """Whether a split deals each class by itself; ConfigError where there are none."""
        if stratified and self.kind != "classes":
            raise ConfigError(
                f"stratified: {self.name} has {self.kind} and no classes to deal by themselves; "
                "leave it out."
            )
        return self.stratified if stratified is None else stratified

    def changed(self, **arrays: np.ndarray | None) -> "ImageDataset":
        """The same with other arrays, which are of the form that is kept: nothing is read anew."""
        other = copy.copy(self)
        for key, value in arrays.items():
            object.__setattr__(other, key, value)
        return other

    def show(self, n: int = 50) -> "Image":
        """A Pillow image: a grid of about n pictures, of each class as many, with their names."""
        if n < 1:
            raise ConfigError(f"show: needs at least 1 picture, got {n}.")
        some = self.take(self._some(n))
        classes = len(np.unique(some.labels)) if self.kind == "classes" else 10
        captions = [some.caption(index) for index in range(some.size)]
        return sheet(some.images, captions, columns_for(some.size, classes))

    def caption(self, index: int) -> str:
        """What an image is: its class, its labels, or its targets."""
        own = self.labels[index]
        if self.kind == "classes":
            return self.class_names[own]
        if self.kind == "labels":
            return ", ".join(self.class_names[k] for k in np.flatnonzero(own)) or "none"
        return ", ".join(f"{value:.3g}" for value in np.atleast_1d(own))

    def _some(self, n: int) -> np.ndarray:
        if self.kind == "classes":
            return chosen(self.labels, self.num_classes, n)
        return np.arange(min(n, self.size))

    def _repr_html_(self) -> str:
        """The short text and ten small pictures, for notebooks."""
        some = self.take(self._some(10)[:10])
        pictures = "".join(
            f'<img src="data:image/png;base64,{png_text(some.images[k])}" '
            f'title="{html.escape(some.caption(k))}" style="margin:2px">'
            for k in range(some.size)
        )
        return f"<div>{html.escape(repr(self))}<br>{pictures}</div>"

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


def _own(kept: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The images, copied where they are a caller's, whose array may be another's tomorrow."""
    return kept.copy() if kept is given and given.flags.writeable else kept


def check_alike(train: ImageDataset, other: ImageDataset) -> None:
    """DataError unless a validation or test set has the training set's channels and classes."""
    channels, found = train.image_shape[2], other.image_shape[2]
    if found != channels:
        raise DataError(
            f"{other.name}: the last axis of the images is {found} long, that of the training "
            f"images {channels}: save all of them alike, or set data.channels: 1 or 3."
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
