"""Every random key derives from (study seed, trial, epoch), through the functions below and no
others.
"""

import jax
from jax import Array

_INIT, _DROPOUT, _DATA = 0, 1, 2


def study_key(seed: int) -> Array:
    """The root key of a study."""
    return jax.random.key(seed)


def data_key(study: Array, epoch: Array) -> Array:
    """Key of an epoch's augmentation and shuffling, shared by all members."""
    return jax.random.fold_in(jax.random.fold_in(study, _DATA), epoch)


def init_key(study: Array, trial: Array) -> Array:
    """Key of a member's initial weights."""
    return jax.random.fold_in(jax.random.fold_in(study, _INIT), trial)


def dropout_key(study: Array, trial: Array, epoch: Array) -> Array:
    """Key of a member's dropout masks in one epoch; fold in the step, then the layer."""
    member = jax.random.fold_in(jax.random.fold_in(study, _DROPOUT), trial)
    return jax.random.fold_in(member, epoch)
