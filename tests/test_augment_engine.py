"""Augmentations in training: images of an epoch, variants of them, and whole populations."""

from functools import cache, partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hptjax
from hptjax.config.augment import variants
from hptjax.data import augment
from hptjax.data.augmentations.base import as_floats
from hptjax.data.augmentations.compose import augmented
from hptjax.errors import ConfigError
from hptjax.models.keys import data_key, root_key
from hptjax.population import Member, PopulationTrainer, evaluate_population, make_plan
from hptjax.population.images import dataset_arrays, epoch_input, room, to_maps, train_slice
from tests.alone import alone
from tests.compilations import count_compilations
from tests.nets import SIZE, config, images, recipe

TRAIN, VALIDATION = images(48), images(20, seed=1)
DATA = dataset_arrays(TRAIN, VALIDATION)
KEY = root_key(3)
NET = config(channels=(4,), kernels=(3,), strides=(2,))


def prepared(tree, augment_validation=False):
    return _prepared(variants(tree), augment_validation)


@cache
def _prepared(chosen, augment_validation):
    prepare = jax.jit(
        lambda data: epoch_input(data, KEY, jnp.uint32(2), chosen, augment_validation)
    )
    return prepare(DATA)


def test_the_images_of_an_epoch_are_augmented_and_then_shuffled() -> None:
    given = prepared(True)
    key_train, key_shuffle, _ = jax.random.split(data_key(KEY, jnp.uint32(2)), 3)
    order = np.asarray(jax.random.permutation(key_shuffle, 48))
    expected = np.asarray(augment(key_train, TRAIN.images))[order]
    np.testing.assert_array_equal(given.train, expected.transpose(0, 3, 1, 2).reshape(48, -1))
    np.testing.assert_array_equal(given.train_labels, TRAIN.labels[order])


def test_an_epoch_of_some_of_the_images_goes_through_others_each_time() -> None:
    orders = []
    for epoch in range(2):
        whole, part = (
            epoch_input(DATA, KEY, jnp.uint32(epoch), variants(False), False, count)
            for count in (None, 16)
        )
        np.testing.assert_array_equal(part.train, whole.train[:16])
        np.testing.assert_array_equal(part.train_labels, whole.train_labels[:16])
        orders.append(part.train)
    assert not np.array_equal(*orders)


def test_networks_of_short_epochs_are_those_that_were_trained_alone() -> None:
    c = recipe(NET, lr_schedule="cosine")
    member, epochs = Member(c, 5), 2
    trainer = PopulationTrainer(
        make_plan([c]), TRAIN, VALIDATION, seed=3, horizon=epochs, images_per_epoch=20
    )
    state, metrics = trainer.start([member]), {}
    for _ in range(epochs):
        state, metrics = trainer.epoch(state)
    variables, losses = alone(member, 3, TRAIN, VALIDATION, epochs, images_per_epoch=20)
    steps = 20 // c.batch_size
    assert len(losses) == epochs * steps
    np.testing.assert_allclose(metrics["train_loss"][0], losses[-steps:].mean(), rtol=1e-5)
    jax.tree.map(
        partial(np.testing.assert_allclose, atol=1e-5), trainer.variables(state, 0), variables
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [(49, "must be at most the 48 training images"), (4, "at most the 4 images of an epoch")],
)
def test_an_epoch_holds_a_batch_and_no_more_than_there_is(count: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PopulationTrainer(make_plan([NET]), TRAIN, VALIDATION, seed=3, images_per_epoch=count)


TREES = [True, False, ["flip", {"noise": 0.1}]]


def test_each_variant_has_the_images_that_it_has_alone() -> None:
    """So a member's images do not depend on what lists others have."""
    several = prepared(TREES[:2])
    assert several.train.dtype == np.uint8
    with_floats = prepared(TREES)
    assert with_floats.train.shape == (3, 48, SIZE * SIZE)
    for k, tree in enumerate(TREES):
        alone = prepared(tree)
        assert alone.train.ndim == 2
        np.testing.assert_allclose(with_floats.train[k], as_floats(alone.train), atol=1e-6)
        np.testing.assert_array_equal(with_floats.train_labels, alone.train_labels)
        if k < 2:
            np.testing.assert_array_equal(several.train[k], alone.train)


def test_a_slice_is_of_the_members_own_variant() -> None:
    given = prepared(TREES)
    read = jax.jit(partial(train_slice, given, count=8))
    for variant in range(3):
        expected = given.train[variant, 16:24]
        np.testing.assert_array_equal(read(jnp.int32(variant), jnp.int32(16)), expected)
    members = jnp.array([2, 0, 2])
    lanes = jax.vmap(read, in_axes=(0, None))(members, jnp.int32(16))
    np.testing.assert_array_equal(lanes, given.train[members, 16:24])
    one = prepared(False)
    np.testing.assert_array_equal(train_slice(one, 0, jnp.int32(16), 8), one.train[16:24])


def test_bytes_and_floats_of_the_same_images_train_alike() -> None:
    given, floats = prepared(False), prepared([Nothing])
    assert (given.train.dtype, floats.train.dtype) == (np.uint8, np.float32)
    shape = (SIZE, SIZE, 1)
    np.testing.assert_array_equal(to_maps(given.train, shape), to_maps(floats.train, shape))
    plain = evaluate_population([NET], TRAIN, VALIDATION, augment=False)
    same = evaluate_population([NET], TRAIN, VALIDATION, augment=[Nothing])
    for name, curve in plain.items():
        np.testing.assert_allclose(same[name], curve, rtol=1e-6)


class Nothing(hptjax.Augmentation):
    def __call__(self, images, key):
        return images


class Black(hptjax.Augmentation):
    bytes: ClassVar[bool] = True

    def __call__(self, images, key):
        return jnp.zeros_like(images)


def test_only_the_training_images_are_augmented_unless_told() -> None:
    plain, black = prepared(False), prepared([Black])
    assert not np.asarray(black.train).any()
    np.testing.assert_array_equal(black.val, plain.val)
    both = prepared([Black], augment_validation=True)
    assert not np.asarray(both.val).any()
    key_val = jax.random.split(data_key(KEY, jnp.uint32(2)), 3)[2]
    noisy = prepared([{"noise": 0.1}], augment_validation=True)
    expected = augmented(variants([{"noise": 0.1}])[0], DATA.val, key_val)
    np.testing.assert_allclose(noisy.val[0].transpose(3, 1, 2, 0), expected, atol=1e-6)


def test_validation_images_are_of_one_list() -> None:
    plan = make_plan([NET, NET.model_copy(update={"augment": ["flip"]})])
    with pytest.raises(ConfigError, match=r"^augment_validation: must be false where networks dif"):
        PopulationTrainer(plan, TRAIN, VALIDATION, seed=0, augment_validation=True)
    with pytest.raises(ConfigError, match=r"^augment\.0: unknown augmentation 'flp'"):
        PopulationTrainer(plan, TRAIN, VALIDATION, seed=0, augment=["flp"])


def test_a_list_trains_and_equal_lists_share_a_program() -> None:
    curves = evaluate_population([NET], TRAIN, VALIDATION, augment=["flip", {"crop": 2}])
    with count_compilations() as compiled:
        tree = [{"name": "flip", "p": 0.5}, {"crop": {"padding": 2}}]
        again = evaluate_population([NET], TRAIN, VALIDATION, augment=tree)
    assert compiled == []
    other = evaluate_population([NET], TRAIN, VALIDATION, augment=False)
    for name, curve in curves.items():
        np.testing.assert_array_equal(again[name], curve)
        assert np.isfinite(curve).all()
    assert (other["train_loss"] != curves["train_loss"]).all()


def test_copies_of_the_images_take_the_room_that_they_take() -> None:
    train, whole = DATA.train.nbytes, DATA.nbytes
    assert room(DATA, variants(True)) == 3 * whole
    assert room(DATA, variants([True, False])) == 3 * whole + 2 * train
    assert room(DATA, variants([{"noise": 0.1}])) == 3 * whole + 6 * train
    assert room(DATA, variants([["flip"], [{"noise": 0.1}]])) == 3 * whole + 14 * train
