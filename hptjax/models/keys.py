"""Derives every random key from (study seed, trial, epoch); nothing else may."""

import jax
from jax import Array

from hptjax.settings import named_key

_INIT, _DROPOUT, _DATA = 0, 1, 2


def root_key(seed: int) -> Array:
    """Returns the `study_key` from which all keys of a study derive."""
    return named_key(seed)


def data_key(study_key: Array, epoch: Array) -> Array:
    """Returns the key of an epoch's augmentation and shuffling, which all members share."""
    return jax.random.fold_in(jax.random.fold_in(study_key, _DATA), epoch)


def init_key(study_key: Array, trial: Array) -> Array:
    """Returns the key of a member's initial weights."""
    return jax.random.fold_in(jax.random.fold_in(study_key, _INIT), trial)


def dropout_key(study_key: Array, trial: Array, epoch: Array) -> Array:
    """Returns the key of a member's dropout in one epoch; fold in the step, then the layer."""
    member = jax.random.fold_in(jax.random.fold_in(study_key, _DROPOUT), trial)
    return jax.random.fold_in(member, epoch)
