"""Populations that lose members, are snapshotted and restored: exactly the same training."""

import jax
import numpy as np
import pytest

from hptjax.executors.joined import JoinedPopulation
from hptjax.population import Member, Population, PopulationTrainer, make_plan
from hptjax.population.memory import row_bytes
from tests.compilations import count_compilations
from tests.nets import images, mixed

TRAIN, VALIDATION = images(96), images(40, seed=1)
CHOSEN = (0, 1, 2, 3, 4)  # two signatures
MEMBERS = [Member(mixed()[k], 10 + k) for k in CHOSEN]
SURVIVORS = [4, 1, 3]


def trainer_on(devices: int) -> PopulationTrainer:
    plan = make_plan([member.config for member in MEMBERS], max_bodies=2)
    chosen = jax.devices()[:devices]
    return PopulationTrainer(plan, TRAIN, VALIDATION, seed=3, horizon=3, devices=chosen)


@pytest.fixture(scope="module")
def trainer():
    return trainer_on(2)


@pytest.fixture(scope="module")
def whole(trainer):
    return Population.start(trainer, MEMBERS).advance(3).curves


def equal(curves, expected):
    for name in expected:
        np.testing.assert_array_equal(curves[name], expected[name], err_msg=name)


@pytest.mark.slow
def test_kept_members_train_on_as_if_all_were_kept_and_nothing_is_compiled(trainer, whole):
    Population.start(trainer, MEMBERS).keep([0])  # the gather of rows itself, once
    population = Population.start(trainer, MEMBERS)
    population.advance(1)
    with count_compilations() as compiled:
        population.keep(SURVIVORS)
        curves = population.advance(2).curves
    assert compiled == []
    assert population.members == tuple(MEMBERS[k] for k in SURVIVORS)
    equal(curves, {name: curve[1:, SURVIVORS] for name, curve in whole.items()})


def test_keeping_step_by_step_in_another_order_is_the_same(trainer, whole):
    population = Population.start(trainer, MEMBERS[::-1])
    population.advance(1)
    population.keep([4 - k for k in (1, 2, 3, 4)])
    population.advance(1)
    population.keep([3, 0, 2])
    equal(population.advance(1).curves, {n: c[2:, SURVIVORS] for n, c in whole.items()})


def test_a_restored_snapshot_trains_on_exactly(trainer, whole):
    population = Population.start(trainer, MEMBERS)
    population.advance(1)
    population.keep(SURVIVORS)
    arrays = population.snapshot()
    assert all(len(array) == len(SURVIVORS) for array in arrays.values())
    members = [MEMBERS[k] for k in SURVIVORS]
    again = Population(trainer, trainer.restore(members, arrays, age=1))
    assert again.age == 1
    equal(again.advance(2).curves, {name: curve[1:, SURVIVORS] for name, curve in whole.items()})
    kept, fresh = again.weights(1), Population.start(trainer, members).weights(1)
    assert jax.tree.structure(kept) == jax.tree.structure(fresh)


def test_a_program_of_other_bodies_goes_on_from_a_snapshot(trainer, whole):
    """A larger budget, for instance, pays for more bodies."""
    population = Population.start(trainer, MEMBERS)
    population.advance(1)
    exact = make_plan([member.config for member in MEMBERS])
    assert len(exact.bodies) > len(trainer.plan.bodies)
    other = PopulationTrainer(
        exact, TRAIN, VALIDATION, seed=3, horizon=3, devices=jax.devices()[:1]
    )
    arrays = population.snapshot()
    again = Population(other, other.restore(MEMBERS, arrays, age=1))
    for k in range(len(MEMBERS)):
        jax.tree.map(np.testing.assert_array_equal, again.weights(k), population.weights(k))
    for name, array in again.snapshot().items():
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.optimized  # otherwise first weights of two programs may differ in the last bit
def test_a_program_that_keeps_more_of_each_weight_goes_on_from_a_snapshot_of_less(trainer):
    member = MEMBERS[2]
    own = PopulationTrainer(make_plan([member.config]), TRAIN, VALIDATION, seed=3, horizon=3)
    less = own.snapshot(own.start([member]))
    more = trainer.snapshot(trainer.start([member]))
    assert more.keys() - less.keys() == {"slots.1"}  # SGD keeps one number, Adam two
    restored = trainer.snapshot(trainer.restore([member], less, age=0))
    assert restored.keys() == more.keys()
    for name, values in more.items():
        np.testing.assert_array_equal(restored[name], values, err_msg=name)


def marked_on_the_way(population):
    """Marks members after the first epoch and after the second; their weights then, by place."""
    population.advance(1)
    population.mark([0, 3])
    first = {k: population.weights(k) for k in range(5)}
    population.advance(1)
    population.mark([3, 1])
    return {0: first[0], 1: population.weights(1), 3: population.weights(3)}


def same_weights(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_marked_weights_stay_whatever_happens_to_other_members(trainer, whole):
    expected = marked_on_the_way(Population.start(trainer, MEMBERS))  # once, to compile the copy
    population = Population.start(trainer, MEMBERS)
    with count_compilations() as compiled:
        marked_on_the_way(population)
        population.keep([3, 1, 0])
        curves = population.advance(1).curves
    assert compiled == []
    equal(curves, {name: curve[2:, [3, 1, 0]] for name, curve in whole.items()})
    for place, k in enumerate([3, 1, 0]):
        same_weights(population.weights(place, marked=True), expected[k])
    assert not np.array_equal(
        population.snapshot()["params"], population.snapshot()["marked.params"]
    )


def test_a_snapshot_holds_marked_weights_for_programs_of_other_bodies_too(trainer):
    population = Population.start(trainer, MEMBERS)
    expected = marked_on_the_way(population)
    arrays = population.snapshot()
    exact = make_plan([member.config for member in MEMBERS])
    other = PopulationTrainer(exact, TRAIN, VALIDATION, seed=3, horizon=3, marks=True)
    for any_trainer in (trainer, other):
        again = Population(any_trainer, any_trainer.restore(MEMBERS, arrays, age=2))
        for name, array in again.snapshot().items():
            np.testing.assert_array_equal(array, arrays[name], err_msg=name)
        again.mark([4])
        for k, weights in (expected | {4: again.weights(4)}).items():
            same_weights(again.weights(k, marked=True), weights)


def test_marked_members_take_the_predicted_memory(trainer):
    state = trainer.mark(trainer.start(MEMBERS), [2])
    leaves = jax.tree.leaves((state.arrays, state.marked))
    rows = trainer.room * len(trainer.places)
    counts = 4 * rows  # of the steps taken, which the estimate leaves out
    told = rows * row_bytes(trainer.plan, marks=True)
    assert told == sum(leaf.nbytes for leaf in leaves) - counts


def test_parts_of_a_population_mark_their_own(trainer):
    parts = [[3, 0], [2, 1]]
    joined = JoinedPopulation(
        [(Population.start(trainer, [MEMBERS[k] for k in own]), own) for own in parts]
    )
    joined.advance(1)
    joined.mark([0, 1])
    expected = joined.weights(0), joined.weights(1)
    joined.advance(1)
    joined.keep([1, 0])
    same_weights((joined.weights(1, marked=True), joined.weights(0, marked=True)), expected)


def test_epochs_that_would_end_too_late_are_not_begun(trainer):
    population = Population.start(trainer, MEMBERS)
    population.advance(1)
    assert population.predicted_seconds() > 0
    assert population.advance(5, seconds=population.predicted_seconds() / 2).epochs == 0
    assert population.age == 1
    assert population.advance(2, seconds=60).epochs == 2


def test_the_outcome_says_what_it_cost(trainer):
    cost = Population.start(trainer, MEMBERS).advance(2).cost
    waste = trainer.plan.waste(member.shape for member in MEMBERS)
    assert cost.padded_flops == cost.lane_flops == pytest.approx(waste * cost.true_flops)
    assert cost.train_s > 0


@pytest.mark.slow
def test_compiling_the_first_weights_is_no_part_of_training():
    jax.clear_caches()
    trainer = trainer_on(1)
    population = Population.start(trainer, MEMBERS)
    of_weights = trainer.compile_seconds
    assert of_weights > 0
    first, second = (population.advance(1).cost for _ in range(2))
    assert first.compile_s == pytest.approx(trainer.compile_seconds)
    assert first.compile_s > of_weights
    assert second.compile_s == 0
    assert 0 < first.train_s < first.compile_s
