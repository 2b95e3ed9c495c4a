"""The images of one epoch on the device: augmented, shuffled, laid out for training."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.data.dataset import ImageDataset
from hptjax.data.resize import fitted_pair
from hptjax.errors import ConfigError
from hptjax.models.keys import data_key
from hptjax.population.plan import Plan

VALIDATION_BATCH = 64  # images evaluated together: few enough for a core's cache


class DatasetArrays(NamedTuple):
    """What lies on the device for the whole run: images [N, H, W, C] of bytes, labels [N].

    The validation set is filled up with black images of label -1 to whole batches.
    """

    train: Any
    train_labels: Any
    val: Any
    val_labels: Any

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self)


class EpochInput(NamedTuple):
    """What all members share in one epoch: its images, its number, and the study's key.

    train [N, C*H*W], train_labels [N]; val [V, C, H, W, e], val_labels [V, e], -1 where a batch is
    filled up.
    """

    train: Array
    train_labels: Array
    val: Array
    val_labels: Array
    study_key: Array
    epoch: Array


def fitted_to(
    plan: Plan,
    train: ImageDataset,
    validation: ImageDataset,
    notify: Callable[[str], None] = warnings.warn,
) -> tuple[ImageDataset, ImageDataset]:
    """Both sets at the size of the plan; ConfigError where plan and images do not fit together."""
    height, width, channels = plan.bodies[0].signature.image
    for dataset in (train, validation):
        if dataset.image_shape[2] != channels:
            raise ConfigError(
                f"The networks take images of {channels} channels, got"
                f" {dataset.image_shape[2]} from {dataset.name}."
            )
    train, validation = fitted_pair(train, validation, height, width, notify)
    batch = max(body.signature.batch_size for body in plan.bodies)
    if batch > train.size:
        raise ConfigError(
            f"batch_size must be at most the {train.size} training images, got {batch}."
        )
    if validation.num_classes != train.num_classes or any(
        body.widths.units[-1] != train.num_classes for body in plan.bodies
    ):
        raise ConfigError(
            f"The last MLP layer must have one unit per class ({train.num_classes}):"
            " repair the configs."
        )
    return train, validation


def dataset_arrays(train: ImageDataset, validation: ImageDataset) -> DatasetArrays:
    """The arrays of a training and a validation set."""
    missing = -validation.size % VALIDATION_BATCH
    val = np.pad(validation.images, ((0, missing), (0, 0), (0, 0), (0, 0)))
    val_labels = np.pad(validation.labels, (0, missing), constant_values=-1)
    return DatasetArrays(train.images, train.labels, val, val_labels)


def epoch_input(
    data: DatasetArrays,
    study_key: Array,
    epoch: Array,
    augment: Callable[[Array, Array], Array] | None,
    augment_validation: bool,
) -> EpochInput:
    """Augments and shuffles the training set for one epoch.

    augment_validation: augments the validation images too, as the original study did.
    """
    key_train, key_shuffle, key_val = jax.random.split(data_key(study_key, epoch), 3)
    train, val = data.train, data.val
    if augment is not None:
        train = augment(key_train, train)
        val = augment(key_val, val) if augment_validation else val
    order = jax.random.permutation(key_shuffle, train.shape[0])
    flat = train.transpose(0, 3, 1, 2).reshape(train.shape[0], -1)
    val = val.reshape(-1, VALIDATION_BATCH, *val.shape[1:]).transpose(0, 4, 2, 3, 1)
    labels = data.val_labels.reshape(-1, VALIDATION_BATCH)
    return EpochInput(flat[order], data.train_labels[order], val, labels, study_key, epoch)


def to_maps(x: Array, image: tuple[int, int, int]) -> Array:
    """Images [B, C*H*W] of bytes -> [C, H, W, B] of floats in [0, 1]."""
    height, width, channels = image
    return as_floats(x.T.reshape(channels, height, width, -1))


def as_floats(x: Array) -> Array:
    """Bytes -> floats in [0, 1], as PyTorch's ToTensor."""
    return x.astype(jnp.float32) * (1 / 255)
