"""The images of one epoch on the device: augmented, shuffled and laid out for training."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Integer, Key, Num, UInt8

from hptjax.config.augment import Augment, AugmentTree, Variants, augmentations
from hptjax.data.augmentations.base import as_floats
from hptjax.data.augmentations.compose import augmented
from hptjax.data.dataset import ImageDataset
from hptjax.data.parts import warn
from hptjax.data.resize import fitted_pair
from hptjax.errors import ConfigError
from hptjax.models.keys import data_key
from hptjax.models.numbers import AnyArray
from hptjax.population.plan import Plan

VALIDATION_BATCH = 64  # images evaluated together: few enough for a core's cache


class DatasetArrays(NamedTuple):
    """The images that stay on the device for the whole run.

    Black images fill up the V validation images to whole batches: their val_real is False, and
    their label is -1 (their target is 0).
    """

    train: UInt8[AnyArray, "N H W C"]
    train_labels: Num[AnyArray, " N *outputs"]
    val: UInt8[AnyArray, "V H W C"]
    val_labels: Num[AnyArray, " V *outputs"]
    val_real: Bool[AnyArray, " V"]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self)


class EpochInput(NamedTuple):
    """What all members share in one epoch: the images, the epoch's number, and the study's key.

    train: bytes, or floats in which 1 is white; with an axis of variants if members differ in their
    augmentations: see `train_slice`. val, val_labels: V batches of e images; val_real is False for
    images that fill up a batch. horizon: epochs of a fully trained network, over which learning
    rates are scheduled.
    """

    train: Num[Array, "*variants N C*H*W"]
    train_labels: Num[Array, " N *outputs"]
    val: Num[Array, "V C H W e"]
    val_labels: Num[Array, "V e *outputs"]
    val_real: Bool[Array, "V e"]
    study_key: Key[Array, ""]
    epoch: Integer[Array, ""]
    horizon: Float[Array, ""] | float = 1.0


def fitted_to(
    plan: Plan,
    train: ImageDataset,
    validation: ImageDataset,
    notify: Callable[[str], None] = warn,
    images_per_epoch: int | None = None,
) -> tuple[ImageDataset, ImageDataset]:
    """Resizes both sets to the plan's image size; ConfigError if plan and images do not fit.

    images_per_epoch: see `epoch_input`.
    """
    height, width, channels = plan.bodies[0].signature.image
    for dataset in (train, validation):
        if dataset.image_shape[2] != channels:
            raise ConfigError(
                f"The networks take images of {channels} channels, got"
                f" {dataset.image_shape[2]} from {dataset.name}."
            )
    train, validation = fitted_pair(train, validation, height, width, notify)
    batch = max(body.signature.batch_size for body in plan.bodies)
    most = train.size if images_per_epoch is None else images_per_epoch
    if most > train.size:
        raise ConfigError(
            f"images_per_epoch must be at most the {train.size} training images, got {most}."
        )
    if batch > most:
        which = "training images" if images_per_epoch is None else "images of an epoch"
        raise ConfigError(f"batch_size must be at most the {most} {which}, got {batch}.")
    if validation.num_classes != train.num_classes or any(
        body.outputs != train.num_classes for body in plan.bodies
    ):
        raise ConfigError(
            f"The last layer must have one unit per class ({train.num_classes}):"
            " repair the configs."
        )
    return train, validation


def dataset_arrays(train: ImageDataset, validation: ImageDataset) -> DatasetArrays:
    """Returns the arrays of a training and a validation set."""
    missing = -validation.size % VALIDATION_BATCH
    val = np.pad(validation.images, ((0, missing), (0, 0), (0, 0), (0, 0)))
    labels = validation.labels
    empty = -1 if labels.ndim == 1 and labels.dtype.kind == "i" else 0
    val_labels = np.pad(
        labels, [(0, missing), *[(0, 0)] * (labels.ndim - 1)], constant_values=empty
    )
    real = np.arange(validation.size + missing) < validation.size
    return DatasetArrays(train.images, train.labels, val, val_labels, real)


def chosen_variants(
    augment: AugmentTree, own: Sequence[Augment | None], augment_validation: bool
) -> Variants:
    """Returns the variants: the lists of augmentations of a program, in the order of its choices.

    augment: the list of members whose own list is None. Raises ConfigError if the validation images
    are augmented and there are several lists.
    """
    default = augmentations(augment)
    lists = [default if parts is None else parts for parts in own]
    chosen = tuple(tuple(part.options for part in parts) for parts in lists)
    if augment_validation and len(chosen) > 1:
        raise ConfigError(
            "augment_validation: must be false where networks differ in augment: all networks must"
            " be compared on the same images."
        )
    return chosen


def room(data: DatasetArrays, chosen: Variants) -> int:
    """Returns the bytes that the images take on the device: loaded, augmented and shuffled."""
    of_bytes = all(part.bytes for parts in chosen for part in parts)
    of_a_copy = len(chosen) * (1 if of_bytes else np.dtype(np.float32).itemsize)
    return 3 * data.nbytes + 2 * (of_a_copy - 1) * data.train.nbytes


def epoch_input(
    data: DatasetArrays,
    study_key: Array,
    epoch: Array,
    chosen: Variants,
    augment_validation: bool,
    images_per_epoch: int | None = None,
) -> EpochInput:
    """Augments and shuffles the training set for one epoch.

    chosen: the lists of augmentations that members have. All get the same key and order, so that a
    member's images do not depend on other members' lists. augment_validation: augment the
    validation images too, by the only list, as the original study did. images_per_epoch: how many
    training images the epoch uses, the first of its order; by default all.
    """
    key_train, key_shuffle, key_val = jax.random.split(data_key(study_key, epoch), 3)
    trains = [augmented(parts, data.train, key_train) for parts in chosen]
    val = augmented(chosen[0], data.val, key_val) if augment_validation else data.val
    order = jax.random.permutation(key_shuffle, data.train.shape[0])[:images_per_epoch]
    shuffled = [x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)[order] for x in trains]
    if len({x.dtype for x in shuffled}) > 1:
        shuffled = [as_floats(x) for x in shuffled]
    train = shuffled[0] if len(shuffled) == 1 else jnp.stack(shuffled)
    val = val.reshape(-1, VALIDATION_BATCH, *val.shape[1:]).transpose(0, 4, 2, 3, 1)
    labels, real = (
        x.reshape(-1, VALIDATION_BATCH, *x.shape[1:]) for x in (data.val_labels, data.val_real)
    )
    return EpochInput(train, data.train_labels[order], val, labels, real, study_key, epoch)


def train_slice(given: EpochInput, variant: Array | int, start: Array, count: int) -> Array:
    """Returns `count` training images [count, C*H*W] from start on, of the member's variant.

    variant: index into the `chosen` of `epoch_input`; has no effect if there is only one.
    """
    if given.train.ndim == 2:
        return lax.dynamic_slice_in_dim(given.train, start, count)
    size = given.train.shape[-1]
    return lax.dynamic_slice(given.train, (variant, start, 0), (1, count, size))[0]


def to_maps(x: Array, image: tuple[int, int, int]) -> Array:
    """Lays out images [B, C*H*W] as float maps [C, H, W, B]; converts bytes as `as_floats` does."""
    height, width, channels = image
    return as_floats(x.T.reshape(channels, height, width, -1))
