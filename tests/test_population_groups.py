"""Groups of lanes on several devices: how they are dealt, how wide they are, what stays."""

from pathlib import Path

import jax
import numpy as np
import pytest

from hptjax.config.geometry import ImageSpec
from hptjax.population import Member, Population, PopulationTrainer, make_plan
from hptjax.population.execution import Execution, execution_for, lanes_by_share, rows_for
from hptjax.population.groups import dealt, group_prices, slowest_price
from hptjax.population.memory import FOR_ROWS, row_bytes
from hptjax.population.pack import place
from hptjax.population.price import LANES
from hptjax.study.load import load_study
from hptjax.transpile import Problem
from tests.compilations import count_compilations
from tests.nets import config, images
from tests.test_population_execution import Device

DEVICES = 8
ONE, OTHER = jax.devices()[:2]


@pytest.fixture(scope="module")
def trial1() -> Problem:
    study = load_study(Path(__file__).parents[1] / "configs" / "trial1.yaml")
    return Problem(study.model, study.space, ImageSpec(28, 28, 1, 10))


def times(plan, lanes, counts) -> np.ndarray:
    """Of each place, of counts [places, bodies]."""
    groups = Execution(lanes).computed(counts) // np.array(lanes)
    return groups @ group_prices(plan.bodies, lanes, LANES)


@pytest.mark.parametrize("count", [28, 29, 256, 1024])
def test_eight_devices_end_nearly_as_soon_as_all_their_work_allows(trial1, count):
    """Dealt one by one, in lanes of an even share, members take 1.2 to 1.8 times as long."""
    plan = make_plan(trial1.cover(), capacity=count, price=LANES)
    even = -(-count // DEVICES)
    execution = execution_for(Device(), plan, count, places=DEVICES)
    lanes, room = execution.lanes, rows_for(Device(), plan, count, DEVICES, execution)
    assert lanes is not None
    assert even <= room <= max(2 * even, *lanes)
    ratios, gains = [], []
    for seed in range(8 if count < 100 else 256 // count + 1):
        points = trial1.space.sample(count, np.random.default_rng(seed))
        members = [Member(trial1.build(p).config, k) for k, p in enumerate(points)]
        took = times(plan, lanes, place(plan, members, DEVICES, lanes=lanes, room=room).counts)
        groups = Execution(lanes).computed(took_counts(plan, members)) // np.array(lanes)
        prices = group_prices(plan.bodies, lanes, LANES)
        ratios.append(took.max() / max(groups @ prices / DEVICES, prices[groups > 0].max()))
        narrow = lanes_by_share(plan, even)
        before = times(plan, narrow, place(plan, members, DEVICES).counts)
        gains.append(before.max() / took.max())
    assert np.mean(ratios) < 1.2
    assert np.mean(gains) > 1.15


def took_counts(plan, members) -> np.ndarray:
    return np.bincount([plan.body_of(m.shape) for m in members], minlength=len(plan.bodies))


def test_all_members_are_dealt_once_and_no_place_gets_more_than_it_has_room_for():
    rng = np.random.default_rng(0)
    for _ in range(60):
        bodies, places = rng.integers(1, 6), rng.integers(1, 9)
        counts, lanes = rng.integers(0, 20, bodies), rng.integers(1, 9, bodies)
        prices = rng.random(bodies) + 0.1
        even = -(-counts.sum() // places)
        for room in (even, 2 * even, counts.sum()):
            out = dealt(counts, lanes, prices, places, room)
            np.testing.assert_array_equal(out.sum(0), counts)
            assert (out.sum(1) <= room).all()
        slowest = (-(-out // lanes) @ prices).max()
        assert slowest == pytest.approx(slowest_price(counts, lanes, prices, places))


def test_a_device_gets_one_body_where_that_is_soonest():
    out = dealt(np.array([8, 4]), (4, 4), np.array([1.0, 1.0]), 3, 8)
    assert sorted(map(tuple, out.tolist())) == [(0, 4), (4, 0), (4, 0)]


def test_rows_beyond_an_even_share_have_a_share_of_the_memory(trial1):
    plan = make_plan(trial1.cover(), capacity=256, price=LANES)
    each = row_bytes(plan) * (2 + DEVICES)
    execution = Execution((96,) * len(plan.bodies))
    rows = [
        rows_for(Device(round(count * each / FOR_ROWS)), plan, 256, DEVICES, execution)
        for count in (1, 50.5, 1000)
    ]
    assert rows == [32, 50, 96]
    assert rows_for(Device(), plan, 256, DEVICES, Execution(None)) == 32
    small = Device(round(40.5 * each / FOR_ROWS))
    assert max(execution_for(small, plan, 256, places=DEVICES).lanes) <= 40


SMALL = {"channels": (), "kernels": (), "strides": (), "dropout": 0.2}
MEMBERS = [Member(config(units=8 - k % 3, **SMALL), k) for k in range(5)]
MEMBERS += [Member(config(batch_size=24, units=5 + k, **SMALL), k) for k in (6, 7)]


@pytest.mark.slow
@pytest.mark.optimized  # otherwise XLA orders sums by the size of an array
def test_number_of_devices_changes_no_bit_in_lanes_and_halving_compiles_nothing():
    plan = make_plan([m.config for m in MEMBERS], max_bodies=2, capacity=8, price=LANES)
    chosen, found = [6, 4, 1, 0], []
    for devices in ((ONE,), (ONE, OTHER, ONE)):
        trainer = PopulationTrainer(
            plan, images(48), images(16, seed=1), seed=3, horizon=2, devices=devices, lanes=2
        )
        population = Population.start(trainer, MEMBERS)
        curves = [population.advance(1).curves]
        places = [np.flatnonzero(own).size for own in population._state.placement.counts]
        population.keep(chosen)
        with count_compilations() as compiled:
            curves.append(population.advance(1).curves)
        assert compiled == []
        found.append((curves, [population.weights(k) for k in range(len(chosen))]))
    assert min(places) == 1  # a device with one body alone
    jax.tree.map(np.testing.assert_array_equal, *found)
