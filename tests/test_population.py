"""The promise: each member of a mixed population equals its own run at its exact shape."""

from dataclasses import replace
from functools import lru_cache, partial

import jax
import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.models import Classifier, evaluate_variables
from hptjax.models.weights import laid_out, layouts
from hptjax.ops import native
from hptjax.population import (
    Member,
    PopulationTrainer,
    evaluate_population,
    make_plan,
)
from tests.alone import alone
from tests.compilations import count_compilations
from tests.nets import config, images, mixed, recipe

TRAIN, VALIDATION = images(480), images(150, seed=1)
EPOCHS = 2  # of 20 to 48 steps each


def run(members, *, plan=None, seed=3, epochs=EPOCHS, **options):
    plan = plan or make_plan([m.config for m in members])
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=seed, horizon=EPOCHS, **options)
    state = trainer.start(members)
    history = []
    for _ in range(epochs):
        state, metrics = trainer.epoch(state)
        history.append(metrics)
    return trainer, state, {k: np.stack([m[k] for m in history]) for k in history[0]}


MEMBERS = [Member(c, 10 + k) for k, c in enumerate(mixed())]


@pytest.fixture(scope="module")
def population():
    return run(MEMBERS)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 6])  # the first epoch holds all of them to 1e-5
def test_member_equals_exact_shape_run_alone(population, k):
    trainer, state, history = population
    variables, losses = alone(MEMBERS[k], 3, TRAIN, VALIDATION, EPOCHS)
    means = losses.reshape(EPOCHS, -1).mean(1)
    assert len(losses) >= 40
    # Float tolerance: rounding differs between lax.conv and ours, and training amplifies it, in
    # some members and on some machines by a thousand times.
    np.testing.assert_allclose(history["train_loss"][:, k], means, rtol=2e-3)
    ours = trainer.variables(state, k)
    assert jax.tree.structure(ours) == jax.tree.structure(jax.tree.map(np.asarray, variables))
    apply = jax.jit(partial(Classifier.from_config(MEMBERS[k].config).apply, train=False))
    x = VALIDATION.images.astype(np.float32) / 255
    got, want = (np.asarray(jax.nn.softmax(apply(v, x))) for v in (ours, variables))
    np.testing.assert_allclose(got, want, atol=0.05)
    assert np.abs(got - want).mean() < 5e-3


FEW = TRAIN.take(np.arange(48))
# Adam divides by the gradient's size: with its own epsilon a gradient that is rounding alone moves
# a weight as far as any other. With this one a step is as smooth as one of plain descent.
SMOOTHED = [
    replace(m, config=recipe(m.config, optimizer__epsilon=1e-3))
    if "epsilon" in type(m.config.optimizer.options).model_fields
    else m
    for m in MEMBERS
]


@pytest.fixture(scope="module")
def after_one_epoch():
    """Returns the weights of member k trained alone for an epoch of 2 to 4 steps."""
    return lru_cache(lambda k: alone(SMOOTHED[k], 3, FEW, VALIDATION, 1)[0])


LANES = {"devices": jax.devices()[:1], "lanes": 3}  # another number of places changes no bit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "count", "options"),
    [
        pytest.param("kernels", len(MEMBERS), {}, id="kernels-cores"),
        pytest.param("xla", len(MEMBERS), LANES, id="xla-lanes"),
        pytest.param("kernels", 3, {}, id="kernels-cores optimized", marks=pytest.mark.optimized),
    ],
    indirect=["way"],
)
def test_members_of_a_mixed_population_train_for_an_epoch_as_if_alone(
    way, after_one_epoch, count, options
):
    """Padded to common widths, several bodies in one call: weights agree to 1e-5."""
    members = SMOOTHED[:count]
    plan = make_plan([m.config for m in members], max_bodies=1)  # one body for each signature
    assert len(plan.bodies) < count
    trainer = PopulationTrainer(plan, FEW, VALIDATION, seed=3, horizon=1, **options)
    state, _ = trainer.epoch(trainer.start(members))
    for k in range(count):

        def compare(path, ours, theirs, k=k):
            where = f"member {k}{jax.tree_util.keystr(path)}"
            np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=where)

        jax.tree.map_with_path(compare, trainer.variables(state, k), after_one_epoch(k))


def test_validation_metrics_are_those_of_the_exported_network(population):
    trainer, state, history = population
    for k in (0, 3, 6):
        own = evaluate_variables(MEMBERS[k].config, trainer.variables(state, k), VALIDATION)
        np.testing.assert_allclose(history["val_loss"][-1, k], own["loss"], rtol=1e-4)
        np.testing.assert_allclose(history["val_accuracy"][-1, k], own["accuracy"], atol=1e-6)


def test_members_learn(population):
    _, _, history = population
    assert history["val_accuracy"][-1].max() > 0.6  # chance is 0.1


@pytest.mark.slow
def test_population_of_one_equals_its_place_in_the_population(population):
    _, _, history = population
    for k in (1, 3):  # dropout, padding to wider tiers and other signatures beside them
        _, _, single = run([MEMBERS[k]])
        for name in single:
            np.testing.assert_allclose(
                single[name][:, 0], history[name][:, k], rtol=5e-3, atol=0.02
            )


def test_order_does_not_matter(population):
    trainer, _, history = population
    state, backwards = trainer.start(MEMBERS[::-1]), []
    for _ in range(EPOCHS):
        state, metrics = trainer.epoch(state)
        backwards.append(metrics)
    for name in history:  # the same arithmetic on the same kind of device: the same bits
        np.testing.assert_array_equal(
            np.stack([m[name] for m in backwards])[:, ::-1], history[name]
        )


ONE, OTHER = jax.devices()[:2]


PLACES = {"all": (ONE,) * 8, "devices": (ONE, OTHER)}  # of which "all" has some without a row


@pytest.mark.slow
@pytest.mark.optimized  # otherwise XLA orders sums by the size of an array
def test_number_of_places_changes_no_bit(way):
    """Rows of one place, of cores that share a device, of two devices; places without a member."""
    members = MEMBERS[:3]
    plan = make_plan([m.config for m in members], max_bodies=1, capacity=8)
    two = run(members, plan=plan, devices=(ONE,) * 2, epochs=1)
    # compiling takes most of the time, without kernels twice as long
    for where, devices in PLACES.items() if native.available() else [("devices", (ONE, OTHER))]:
        other = run(members, plan=plan, devices=devices, epochs=1)
        assert 1 <= other[0].compilations <= len(plan.bodies)
        for name, values in two[2].items():
            np.testing.assert_array_equal(other[2][name], values, err_msg=f"{where}: {name}")
        for k in range(len(members)):
            jax.tree.map(
                partial(np.testing.assert_array_equal, err_msg=f"{where}: member {k}"),
                two[0].variables(two[1], k),
                other[0].variables(other[1], k),
            )


def test_a_diverging_member_leaves_the_others_bit_identical_and_compiles_nothing(population):
    trainer, _, history = population
    wild = list(MEMBERS)
    wild[4] = Member(MEMBERS[4].config.model_copy(update={"lr": 1e6}), 14)
    before = trainer.compilations
    state, again = trainer.start(wild), []
    with count_compilations() as compiled:
        for _ in range(EPOCHS):
            state, metrics = trainer.epoch(state)
            again.append(metrics["val_loss"])
    others = [k for k in range(len(MEMBERS)) if k != 4]
    np.testing.assert_array_equal(np.stack(again)[:, others], history["val_loss"][:, others])
    assert not np.isclose(again[-1][4], history["val_loss"][-1, 4], rtol=0.1)
    assert trainer.compilations == before <= len(trainer.plan.bodies)
    assert compiled == []


def test_another_mix_of_members_compiles_nothing(population):
    trainer, _, _ = population
    state = trainer.start([Member(mixed()[k], 40 + j) for j, k in enumerate((2, 2, 0, 5))])
    state, _ = trainer.epoch(state)  # fewer members, other counts per body
    with count_compilations() as compiled:
        state = trainer.start([Member(mixed()[k], 60 + j) for j, k in enumerate((7, 1, 1, 1, 3))])
        state, metrics = trainer.epoch(state)
    assert compiled == []
    assert np.isfinite(metrics["val_loss"]).all()


def test_padding_stays_zero(population):
    trainer, state, _ = population
    places, room = jax.device_get(state.arrays), trainer.room
    padded_members = 0
    for k, member in enumerate(MEMBERS):
        padded = trainer.plan.bodies[trainer.plan.body_of(member.shape)]
        used = _used(member.shape, padded)
        padded_members += not used.all()
        where, row = divmod(state.placement.rows[k], room)
        arrays = places[where]
        optimizer = member.config.optimizer
        kept = arrays.slots[: optimizer.options.slots]
        for vectors in (arrays.params, *kept):
            vector = vectors[row][: used.size]
            assert vector[used].any()
            # the sums of adagrad start at 0.1, where there is no weight too
            assert not vector[~used].any() or optimizer.name == "optax.adagrad"
        assert not any(spare[row].any() for spare in arrays.slots[optimizer.options.slots :])
    assert padded_members > 0


def _used(true, padded):
    """Which numbers of the padded vector belong to the true network."""
    old, new = layouts(true)[0], layouts(padded)[0]
    return laid_out(np.ones(old.size, bool), old, new)


@pytest.mark.parametrize("more", [{"activation": "tanh"}, {"batch_norm": False}, {"dropout": 0.1}])
def test_plan_takes_only_the_layers_that_its_configs_have(more):
    plan = make_plan([config(), config(lr=0.1)])
    assert plan.covers(config(units=4, weight_decay=0.0))
    assert not plan.covers(config(**more))
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=0)
    with pytest.raises(ConfigError, match="activations, norms or dropout: make a plan"):
        trainer.start([Member(config(**more), 0)])
    assert make_plan([config(), config(**more)]).covers(config(**more))


def test_epoch_program_lowers_for_other_platforms():
    plan = make_plan([m.config for m in MEMBERS[:3]])
    options = {"horizon": 2, "lanes": 4, "devices": jax.devices()[:1]}
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=0, **options)
    for platform in ("cuda", "tpu"):
        text = trainer.lower(MEMBERS[:3], [platform]).as_text()
        assert "callback" not in text


def test_errors_say_what_must_hold():
    plan = make_plan([config()])
    with pytest.raises(ConfigError, match="at least one config"):
        make_plan([])
    colour = replace(images(64), images=np.zeros((64, 12, 12, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"networks take images of 1 channels, got 3 from blobs"):
        PopulationTrainer(plan, colour, colour, seed=0)
    with pytest.raises(ConfigError, match="batch_size must be at most the 8 training images"):
        PopulationTrainer(plan, TRAIN.take(np.arange(8)), VALIDATION, seed=0)
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=0)
    with pytest.raises(ConfigError, match="at most 1 members a call, got 2"):
        trainer.start([Member(config(), 0), Member(config(), 1)])
    with pytest.raises(ConfigError, match="no body for"):
        trainer.start([Member(config(strides=(1, 1)), 0)])
    with pytest.raises(ConfigError, match="share one image size"):
        make_plan([config(), config().model_copy(update={"init_width": 14, "init_length": 14})])


def test_evaluate_population_returns_epochs_by_members():
    out = evaluate_population([config(), config(lr=1e-3).to_dict()], TRAIN, VALIDATION, epochs=2)
    assert {v.shape for v in out.values()} == {(2, 2)}
    assert out["train_loss"][1, 0] < out["train_loss"][0, 0]
