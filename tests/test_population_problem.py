"""Searches inside jit: they decode, pack and train exactly as the host does."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms import DifferentialEvolution
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.geometry import ImageSpec
from hptjax.des import DES
from hptjax.entries import Categorical, Float, Integer
from hptjax.errors import ConfigError
from hptjax.models.numbers import numbers_of
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.population.pack import place, traced_hparams
from hptjax.search import population_problem
from hptjax.search.generation import trial_key
from hptjax.search.population_problem import PopulationProblem
from hptjax.space import Space
from hptjax.transpile import Problem
from hptjax.transpile.apply import with_hparams
from hptjax.transpile.traced import TracedProblem, decode
from tests.compilations import count_compilations
from tests.nets import config, images

TRAIN, VALIDATION = images(96), images(64, seed=1)
BASE = config(pool=6)
SPACE = Space(
    {
        "lr": Float(1e-4, 0.1, log=True),
        "resnet_stride_l0": Integer(1, 3),  # 3 leaves maps too small for the pool
        "resnet_out_channels_l0": Integer(2, 6),
        "mlp_out_l0": Categorical((4, 7, 9)),
        "mlp_bn_l0": Categorical((False, True)),
        "mlp_do_l0": Float(0.0, 0.3),
        "mlp_af_l0": Categorical(("tanh", "relu", "sigmoid")),
    }
)
# Parts by name, two of one word among them; options of some of them; numbers of all.
RECIPE = Space(
    {
        "resnet_out_channels_l0": Integer(2, 6),
        "optimizer": Categorical(
            {
                "adam": "adam",
                "slow": {"adamw": {"beta_2": 0.99}},
                "heavy": {"sgd": {"nesterov": True}},
                "plain": {"sgd": {"momentum": 0.1}},
            }
        ),
        "optimizer.sgd.momentum": Float(0.5, 0.95),
        "optimizer.adam.epsilon": Float(1e-8, 1e-3, log=True),
        "lr_schedule": Categorical(
            {"none": "constant", "waves": "cosine", "stairs": {"step": 0.4}}
        ),
        "lr_schedule.cosine.end_factor": Float(0.0, 0.5),
        "warmup": Float(0.0, 0.2),
        "augment": Categorical({"none": [], "light": ["flip"], "more": ["flip", {"crop": 1}]}),
        "resnet_af_l0": Categorical(("relu", "softplus", "gelu")),
        "task.label_smoothing": Float(0.0, 0.2),
        "task.class_weights": Categorical(("none", "balanced")),
    }
)
IMAGES = ImageSpec(*TRAIN.image_shape, TRAIN.num_classes)
PROBLEM = Problem(BASE, SPACE, IMAGES)
PLAN = make_plan(PROBLEM.cover(), max_bodies=2)
POINTS = np.random.default_rng(4).random((12, len(SPACE))).astype(np.float32)


def entries():
    ends = st.tuples(st.integers(1, 40), st.integers(0, 60))
    return st.one_of(
        ends.map(lambda e: Float(e[0] / 7, (e[0] + e[1]) / 7)),
        ends.map(lambda e: Float(e[0] / 7, (e[0] + e[1]) / 7, log=True)),
        ends.map(lambda e: Integer(e[0] - 20, e[0] - 20 + 3 * e[1], step=3)),
        ends.map(lambda e: Integer(e[0], e[0] + e[1], log=True)),
        st.integers(1, 9).map(lambda n: Categorical(tuple(f"c{k}" for k in range(n)))),
    )


@settings(deadline=None)
@given(
    entries(),
    st.lists(st.floats(-0.125, 1.125, width=32, allow_subnormal=False), min_size=1, max_size=20),
)
def test_decode_is_from_unit(entry, u):
    got = np.asarray(decode(entry, jnp.asarray(u, jnp.float32)))
    for x, value in zip(u, got, strict=True):
        around = [entry.from_unit(x + step) for step in (-1e-6, 0.0, 1e-6)]
        if isinstance(entry, Categorical):
            around = [entry.choices.index(choice) for choice in around]
        rounding = 1e-5 * (1 + abs(around[1]))
        assert min(around) - rounding <= value <= max(around) + rounding


def candidates(problem=PROBLEM, points=POINTS):
    return [problem.build(problem.space.decode(point)) for point in points.astype(float)]


def built_as_on_the_host(problem, plan, points):
    """Compares the members of points in a program with the host's candidates; returns these."""
    traced = TracedProblem(problem, plan)
    assert traced.choices == plan.choices
    members = jax.jit(traced.members)(points, jnp.arange(len(points), dtype=jnp.uint32))
    hparams, body = jax.device_get(members)
    built = candidates(problem, points)
    for k, candidate in enumerate(built):
        if candidate.config is None:
            assert body[k] == len(plan.bodies)
            continue
        member = Member(candidate.config, k)
        assert body[k] == plan.body_of(member.shape)
        host = traced_hparams(plan, [member], place(plan, [member], 1), 1)
        assert hparams.numbers.keys() == host.numbers.keys()
        for name in numbers_of(candidate.config, plan.choices):  # others mean nothing
            got, want = hparams.numbers[name][k], host.numbers[name][0]
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9, err_msg=name)
        assert hparams.key[k] == host.key[0]
    return built


@pytest.mark.parametrize("space", [SPACE, RECIPE], ids=["shapes", "recipe"])
def test_members_are_those_that_the_host_builds(space):
    problem = Problem(BASE, space, IMAGES)
    points = np.random.default_rng(4).random((40, len(space))).astype(np.float32)
    built = built_as_on_the_host(problem, make_plan(problem.cover(), max_bodies=2), points)
    assert {c.config is None for c in built} == ({True, False} if space is SPACE else {False})


@pytest.fixture(scope="module")
def problem():
    return PopulationProblem(BASE, SPACE, TRAIN, VALIDATION, epochs=2, seed=7, plan=PLAN)


@pytest.mark.optimized  # otherwise XLA orders a sum by what stands beside it
def test_a_generation_is_that_of_the_trainer(problem):
    state = problem.init(jax.random.key(0))
    fitness, state, curves = problem.eval(jax.random.key(1), POINTS, state)
    built = candidates()
    fit = [k for k, candidate in enumerate(built) if candidate.config is not None]
    members = [Member(built[k].config, trial_key("des", k)) for k in fit]
    trainer = PopulationTrainer(PLAN, TRAIN, VALIDATION, seed=7, devices=jax.devices()[:1])
    resident = trainer.start(members)
    for epoch in range(2):
        resident, metrics = trainer.epoch(resident)
        for name, values in metrics.items():
            np.testing.assert_allclose(curves[name][epoch, np.array(fit)], values, atol=1e-6)
    np.testing.assert_array_equal(fitness[np.array(fit)], curves["val_loss"][-1, np.array(fit)])
    assert np.isinf(np.delete(fitness, fit)).all()
    assert int(state.counter) == 1


ONE, OTHER = jax.devices()[:2]


def evaluated(devices, points=POINTS[:5], **options):
    """Returns fitness and curves of a problem at these places, and the members of each."""
    problem, dealt = problem_of(plan=PLAN, devices=devices, **options), []

    def spied(*args):
        dealt.append(place_all(*args))
        return dealt[-1]

    place_all, population_problem.placed = population_problem.placed, spied
    try:
        fitness, state, curves = problem.eval(KEY, points, problem.init(KEY))
    finally:
        population_problem.placed = place_all
    assert int(state.counter) == 1
    return jax.device_get((fitness, curves)), dealt[0].counts.sum(1).tolist()


KEY = jax.random.key(0)


@pytest.mark.slow
@pytest.mark.optimized  # otherwise XLA orders sums by the size of an array
def test_number_of_places_changes_no_bit_and_a_program_of_the_caller_only_rounding():
    alone, counts = evaluated((ONE,), epochs=2)
    assert counts == [4]  # one cannot be built
    with count_compilations() as compiled:
        found, counts = evaluated((ONE, OTHER, ONE), epochs=2)
    assert sum(counts) == 4
    assert min(counts) >= 1
    assert len(compiled) == 2  # one for each device, not for each place
    jax.tree.map(np.testing.assert_array_equal, found, alone)
    problem = problem_of(plan=PLAN, epochs=2, devices=(ONE, OTHER))
    fitness, _, curves = jax.jit(problem.eval)(KEY, POINTS[:5], problem.init(KEY))
    inside = jax.device_get((fitness, curves))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), inside, alone)


def test_by_default_a_population_is_split_over_the_cores(monkeypatch):
    monkeypatch.setenv("NPROC", "2")
    _, counts = evaluated(None, points=POINTS[:4])
    assert sorted(counts) == [1, 2]
    unfit = np.full((2, POINTS.shape[1]), np.nan, np.float32)
    (none, curves), counts = evaluated(None, points=unfit)
    assert np.isinf(none).all()
    assert np.isnan(curves["val_loss"]).all()
    assert counts == [0, 0]


@pytest.mark.slow
def test_a_point_that_is_not_a_number_is_infinitely_bad(problem):
    points = POINTS.copy()
    points[0, 0] = np.nan
    state = problem.init(jax.random.key(0))
    fitness, _, _ = problem.eval(jax.random.key(1), points, state)
    whole, _, _ = problem.eval(jax.random.key(1), POINTS, state)
    assert np.isinf(fitness[0])
    np.testing.assert_allclose(fitness[1:], whole[1:], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("make", [DES, DifferentialEvolution])
def test_a_whole_search_is_one_compiled_call(problem, make):
    search = make(len(POINTS), jnp.zeros(problem.num_dims))
    params = search.default_params

    @jax.jit
    def run(key, state, data):
        def generation(carry, key):
            state, data = carry
            key_ask, key_tell = jax.random.split(key)
            points, state = search.ask(key_ask, state, params)
            fitness, data, _ = problem.eval(key, points, data)
            state, _ = search.tell(key_tell, points, fitness, state, params)
            return (state, data), fitness

        return jax.lax.scan(generation, (state, data), jax.random.split(key, 3))

    key = jax.random.key(3)
    if make is DES:
        state = search.init(key, None, params)
    else:
        first = jax.vmap(problem.sample)(jax.random.split(key, len(POINTS)))
        state = search.init(key, first, jnp.full(len(POINTS), jnp.inf), params)
    (_, data), fitness = run(key, state, problem.init(key))
    assert int(data.counter) == 3
    assert np.isfinite(fitness).any(1).all()
    np.testing.assert_array_equal(run(key, state, problem.init(key))[1], fitness)


def test_too_many_static_combinations_are_refused():
    space = Space({"batch_size": Integer(8, 64), "lr": Float(0.001, 0.1)})
    with pytest.raises(ConfigError, match="32 combinations of batch_size, got 57"):
        PopulationProblem(BASE, space, TRAIN, VALIDATION)


def test_a_plan_of_other_networks_is_refused():
    with pytest.raises(ConfigError, match="the plan has no body for"):
        PopulationProblem(BASE, SPACE, TRAIN, VALIDATION, plan=make_plan([config(pool=1)]))


def problem_of(base=BASE, space=SPACE, **options):
    return PopulationProblem(base, space, TRAIN, VALIDATION, **options)


def test_problems_alike_share_a_compilation_and_no_other_do():
    key, points = jax.random.key(0), POINTS[:4]
    first = problem_of(plan=PLAN, seed=7)
    fitness, _, _ = first.eval(key, points, first.init(key))
    with count_compilations() as compiled:
        again, other = problem_of(plan=PLAN, seed=7), problem_of(plan=PLAN, seed=8)
        np.testing.assert_array_equal(again.eval(key, points, again.init(key))[0], fitness)
        others, _, _ = other.eval(key, points, other.init(key))
    assert compiled == []
    assert (np.asarray(others) != np.asarray(fitness)).any()
    backwards = Space(dict(list(SPACE.items())[::-1]))
    choices = Space({**SPACE, "mlp_bn_l0": Categorical((0, 1))})
    programs = {
        one._program
        for one in (
            first,
            problem_of(plan=PLAN, epochs=2),
            problem_of(plan=PLAN, augment=False),
            problem_of(plan=PLAN, space=backwards),
            problem_of(plan=PLAN, space=choices),
            problem_of(plan=PLAN, base=with_hparams(BASE, beta_1=0.5)),
        )
    }
    assert len(programs) == 6


def test_a_problem_and_its_images_are_let_go():
    own = images(96, seed=3)
    problem = PopulationProblem(BASE, SPACE, own, VALIDATION, plan=PLAN)
    key = jax.random.key(0)
    jax.block_until_ready(problem.eval(key, POINTS[:4], problem.init(key)))
    kept = weakref.ref(problem), weakref.ref(own.images)
    del problem, own
    gc.collect()
    assert [one() for one in kept] == [None, None]
