"""Lanes of an accelerator: their number, that they change nothing, and fewer if memory is short."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.geometry import ImageSpec
from hptjax.models.costs import costs_of
from hptjax.models.signature import net_shape
from hptjax.ops import native
from hptjax.population import Member, Population, PopulationTrainer, execution, make_plan
from hptjax.population.epoch import initial_state, train_step
from hptjax.population.execution import Execution, execution_for, lanes_by_share
from hptjax.population.memory import lane_bytes, lanes_within, population_bytes, row_bytes
from hptjax.population.pack import place, traced_hparams
from hptjax.population.plan import MOST_BODIES, Plan
from hptjax.population.price import LANES, price_for
from hptjax.study.load import load_study
from hptjax.transpile import Problem
from tests.compilations import count_compilations
from tests.nets import config, images, mixed

TRAIN, VALIDATION = images(48), images(16, seed=1)
ONE = {"channels": (4,), "kernels": (3,), "strides": (2,), "dropout": 0.2}
MEMBERS = [Member(config(units=8 - k % 3, **ONE), k) for k in range(5)]
TWO_BODIES = [*MEMBERS, *(Member(config(batch_size=24, units=5 + k, **ONE), k) for k in (6, 7))]


@dataclass(frozen=True)
class Device:
    """The properties of an accelerator that `execution_for` reads."""

    memory: int | None = None
    platform: str = "gpu"
    device_kind: str = "NVIDIA H100 80GB HBM3"

    def memory_stats(self) -> dict[str, int] | None:
        return None if self.memory is None else {"bytes_limit": self.memory}


@pytest.fixture(scope="module")
def trial1() -> Problem:
    study = load_study(Path(__file__).parents[1] / "configs" / "trial1.yaml")
    return Problem(study.model, study.space, ImageSpec(28, 28, 1, 10))


def drawn(problem: Problem, count: int) -> list[list[Member]]:
    """Random populations of a space."""
    populations = []
    for seed in range(12):
        points = problem.space.sample(count, np.random.default_rng(100 + seed))
        populations.append([Member(problem.build(p).config, k) for k, p in enumerate(points)])
    return populations


def expected_time(plan: Plan, lanes: tuple[int, ...], populations: list[list[Member]]) -> float:
    """Mean time of an epoch, in the unit of LANES and per image."""
    times = []
    for members in populations:
        computed = Execution(lanes).computed(place(plan, members, 1).counts)[0]
        for body, width, rows in zip(plan.bodies, lanes, computed, strict=True):
            times.append(rows / width * LANES.of_launches(body) + rows * LANES.of_body(body))
    return sum(times) / len(populations)


@pytest.mark.slow
@pytest.mark.parametrize("count", [29, 256])
def test_bodies_and_lanes_have_nearly_the_least_expected_time(trial1, count):
    cover, populations = trial1.cover(), drawn(trial1, count)
    plan = make_plan(cover, capacity=count, price=LANES)
    ours = expected_time(plan, execution_for(Device(), plan, count).lanes, populations)
    unlaunched = replace(LANES, per_step=0)  # launches are free: as many bodies as may be
    for bodies in (3, 6, 16):
        other = make_plan(cover, capacity=count, max_bodies=bodies, price=unlaunched)
        assert len(other.bodies) == bodies
        for lanes in (1, 4, 12, count):
            took = expected_time(other, (lanes,) * bodies, populations)
            assert ours < 1.05 * took


def test_narrow_lanes_cost_a_full_population_little_and_speed_up_a_halved_one(trial1, monkeypatch):
    """NEARLY trades a little time of a full population for much time of a small one."""
    plan = make_plan(trial1.cover(), capacity=29, price=LANES)
    populations, times = drawn(trial1, 29), []
    for nearly in (execution.NEARLY, 1.0):
        monkeypatch.setattr(execution, "NEARLY", nearly)
        lanes = lanes_by_share(plan, 29)
        parts = [[members[:rows] for members in populations] for rows in (29, 10)]
        times.append([expected_time(plan, lanes, part) for part in parts])
    (full, third), (fastest_full, fastest_third) = times
    assert full < 1.05 * fastest_full
    assert third < 0.8 * fastest_third


def test_many_members_pay_for_more_bodies_and_lanes(trial1):
    few, many = (make_plan(trial1.cover(), capacity=count, price=LANES) for count in (29, 1024))
    assert len(few.bodies) == 3 < len(many.bodies) <= MOST_BODIES
    assert max(lanes_by_share(few, 29)) < 29 < max(lanes_by_share(many, 1024))
    short = make_plan(trial1.cover(), capacity=1024, samples=1e7, price=LANES)
    assert len(short.bodies) == 3  # compiling more would take longer than the search


def test_members_of_one_body_are_one_group():
    plan = make_plan([member.config for member in MEMBERS], max_bodies=1, capacity=29)
    assert plan.shares == (1.0,)
    assert lanes_by_share(plan, 29) == (29,)


def test_a_cpu_trains_one_after_another_in_the_bodies_of_its_own_price(trial1):
    configs = trial1.cover()
    plan = make_plan(configs, capacity=29, samples=1e8, price=price_for("cpu"))
    assert plan == make_plan(configs, capacity=29, samples=1e8)
    cpu = jax.devices()[0]
    assert execution_for(cpu, plan, 29) == execution_for(cpu, plan, 29, lanes=1) == Execution(None)
    assert execution_for(cpu, plan, 29, lanes=64).lanes == (29,) * len(plan.bodies)
    shares = np.bincount([plan.body_of(net_shape(c)) for c in configs]) / len(configs)
    np.testing.assert_allclose(plan.shares, shares)


def test_computed_rows_are_whole_groups():
    counts = np.array([[0, 1, 5], [3, 4, 6]])
    np.testing.assert_array_equal(Execution((1, 3, 4)).computed(counts), [[0, 3, 8], [3, 6, 8]])
    np.testing.assert_array_equal(Execution(None).computed(counts), counts)
    assert Execution((1, 3, 8)).halved() == Execution((1, 2, 4))
    assert Execution((1, 1)).halved() is Execution(None).halved() is None


def trainer_of(members, lanes, *, plan=None, **options) -> PopulationTrainer:
    """Trains on one CPU device, with these lanes for each body."""
    trainer = PopulationTrainer(
        plan or make_plan([m.config for m in members], max_bodies=2, price=LANES),
        TRAIN,
        VALIDATION,
        seed=3,
        horizon=3,
        devices=jax.devices()[:1],
        **options,
    )
    trainer.execution = Execution(lanes)
    return trainer


@pytest.mark.slow
def test_lanes_of_each_body_change_nothing_but_rounding_and_another_mix_compiles_nothing():
    curves = []
    for lanes in (None, (2, 1)):
        trainer = trainer_of(TWO_BODIES, lanes)
        assert len(trainer.plan.bodies) == 2
        curves.append(Population.start(trainer, TWO_BODIES).advance(2).curves)
    for name, values in curves[0].items():
        np.testing.assert_allclose(curves[1][name], values, rtol=5e-3, atol=0.03)
    with count_compilations() as compiled:
        Population.start(trainer, TWO_BODIES[3:]).advance(1)
    assert compiled == []


def test_a_body_is_compiled_when_a_member_first_has_it_and_never_again():
    alone, both = trainer_of(TWO_BODIES, None), trainer_of(TWO_BODIES, None)
    first, second = TWO_BODIES[:2], TWO_BODIES[-2:]
    Population.start(alone, first).advance(1)
    assert alone.compilations == 1
    late = Population.start(alone, TWO_BODIES).advance(2)
    assert alone.compilations == 2
    with count_compilations() as compiled:
        Population.start(alone, second).advance(1)
    assert compiled == []
    for name, values in Population.start(both, TWO_BODIES).advance(2).curves.items():
        np.testing.assert_array_equal(late.curves[name], values, err_msg=name)


@pytest.mark.optimized  # otherwise XLA contracts no products
def test_all_bodies_begin_as_by_programs_of_their_own(monkeypatch):
    trainer = trainer_of(TWO_BODIES, None)
    ours = jax.device_get(trainer.start(TWO_BODIES).arrays)
    assert any(part.params.any() for part in ours)
    monkeypatch.setattr("hptjax.population.compiled.is_drawn", lambda body: False)
    own = jax.device_get(trainer.start(TWO_BODIES).arrays)
    jax.tree.map(np.testing.assert_array_equal, ours, own)


def test_lanes_of_an_accelerators_policy_lower_for_it():
    configs = mixed()[:3]
    plan = make_plan(configs * 4, price=price_for("gpu"))
    members = [Member(c, k) for k, c in enumerate(configs)]
    lanes = execution_for(Device(), plan, plan.capacity).lanes
    assert max(lanes) > 1
    trainer = trainer_of(members, lanes, plan=plan)
    for platform in ("cuda", "tpu"):
        assert "callback" not in trainer.lower(members, [platform]).as_text()


def test_a_member_takes_the_predicted_bytes():
    trainer = trainer_of(TWO_BODIES, None)
    arrays = Population.start(trainer, TWO_BODIES)._state.arrays
    total = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
    count = sum(part.count.nbytes for part in arrays)  # 4 bytes a member
    assert row_bytes(trainer.plan) * trainer.room * len(trainer.places) == total - count


def test_lanes_fit_into_the_devices_memory(trial1):
    plan = make_plan(trial1.cover(), capacity=1024, price=LANES)
    wanted = execution_for(Device(), plan, 1024).lanes
    assert execution_for(Device(80 * 2**30), plan, 1024).lanes == wanted
    state, most = 1024 * row_bytes(plan), max(map(lane_bytes, plan.bodies))
    free = 2.5 * most
    memory = round((2 * state + free) / 0.9)
    lanes = execution_for(Device(memory), plan, 1024).lanes
    assert lanes != wanted
    for body, few, many in zip(plan.bodies, lanes, wanted, strict=True):
        assert few * lane_bytes(body) <= free
        assert few == many or (few + 1) * lane_bytes(body) > free
    assert state + most <= population_bytes(plan, 1024, lanes) <= state + free
    assert lanes_within(memory, plan, 1024, images=memory) == [1] * len(plan.bodies)


@partial(jax.jit, donate_argnums=0)
def huge(arrays, *_):
    """Needs a pebibyte, more than there are addresses; fails after its donated input is lost."""
    line = jnp.sin(arrays.params.sum() + jnp.arange(2**24))
    square = jax.lax.sort(line[:, None] * line, dimension=0)
    return jax.tree.map(lambda leaf: leaf + square[1, 2].astype(leaf.dtype), arrays), square[3]


def exhaust(trainer: PopulationTrainer, fits: int, how: str, text="RESOURCE_EXHAUSTED: no room"):
    """Lets programs of more than `fits` lanes fail; how: compiling, running, used up, really."""
    (device,) = trainer.programs.values()
    compiled, failures = device.program, []

    def fail(carry, *_):
        arrays, _ = carry
        failures.append(trainer.execution.lanes)
        if how == "really":
            return huge(arrays)
        if how == "used up":
            for leaf in jax.tree.leaves(arrays):
                leaf.delete()
        raise jax.errors.JaxRuntimeError(text)

    def program(group, make, args):
        if max(trainer.execution.lanes) <= fits:
            return compiled(group, make, args)
        return fail(*args) if how == "compiling" else fail

    device.program = program
    return failures


@pytest.fixture(scope="module")
def two_lanes():
    return Population.start(trainer_of(MEMBERS, (2,)), MEMBERS).advance(2).curves


@pytest.mark.slow
@pytest.mark.parametrize("how", ["compiling", "running", "used up", "really"])
def test_lanes_are_halved_until_the_memory_suffices(two_lanes, how):
    messages = []
    trainer = trainer_of(MEMBERS, (5,), notify=messages.append)
    failures = exhaust(trainer, 2, how)
    outcome = Population.start(trainer, MEMBERS).advance(2)
    assert failures == [(5,), (3,)]
    assert trainer.execution.lanes == (2,)
    assert trainer.compilations == len(messages) == 1
    assert "side by side" in messages[0]
    for name, values in two_lanes.items():
        np.testing.assert_array_equal(outcome.curves[name], values)
    cost = outcome.cost
    assert cost.lane_flops == pytest.approx(6 / 5 * cost.padded_flops)  # 3 groups of 2


def test_an_error_that_fewer_lanes_do_not_mend_is_raised():
    trainer = trainer_of(MEMBERS, (2,))
    state = trainer.start(MEMBERS)
    exhaust(trainer, 0, "running")
    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE"), pytest.warns(match="side by"):
        trainer.epoch(state)
    assert trainer.execution.lanes == (1,)
    other = trainer_of(MEMBERS, (2,))
    exhaust(other, 0, "running", "INTERNAL: no such luck")
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        other.epoch(other.start(MEMBERS))
    assert other.execution.lanes == (2,)


def test_bytes_of_a_step_are_between_its_weights_and_what_unfused_operations_move(trial1):
    """XLA's count of the step as written, in which every operation reads and writes memory."""
    member = Member(trial1.base, 0)
    costs = costs_of(member.shape)
    plan = make_plan([member.config])
    hparams = traced_hparams(plan, [member], place(plan, [member], 1), 1)
    key, image, batch = jax.random.key(0), member.shape.signature.image, member.config.batch_size
    args = jax.eval_shape(
        lambda one: (
            initial_state(member.shape, plan.choices, key, one),
            one,
            jnp.zeros((image[2], *image[:2], batch)),
            jnp.zeros(batch, jnp.int32),
            key,
            jnp.float32(1),
        ),
        jax.tree.map(lambda leaf: leaf[0], hparams),
    )
    step = jax.jit(partial(train_step, member.shape, plan.choices))
    with native.left_out():
        lowered = step.trace(*args).lower(lowering_platforms=("cuda",))
    unfused = lowered.cost_analysis()["bytes accessed"]
    assert 4 * batch * costs.map_numbers < costs.step_bytes < unfused / 2
