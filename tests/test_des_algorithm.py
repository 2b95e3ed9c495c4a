"""DES against its equations: a plain numpy reference fed with the same draws, and its traps."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.des.algorithm import DES, best_first
from hptjax.des.presets import PRESETS
from hptjax.des.state import log_weights
from hptjax.errors import ConfigError
from tests.des_reference import Reference
from tests.des_runs import run, scanned, sphere

LOWER, UPPER = np.array([-1.0, 2.0, 100.0]), np.array([1.0, 5.0, 101.0])


def objective(x):
    """An objective with its optimum outside the box; some values fail."""
    value = np.sum(((x - LOWER) / (UPPER - LOWER) - [1.2, 0.4, 0.1]) ** 2 * [1, 10, 3], -1)
    return np.where(np.modf(value * 1000)[0] < 0.1, np.nan, value)


def numpy_draws(draws):
    return SimpleNamespace(**{name: np.asarray(value) for name, value in draws._asdict().items()})


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lamarckian", "penalty", "death"])
@pytest.mark.parametrize("preset", ["release", "paper", "paper-log"])
def test_every_generation_is_that_of_the_equations(preset, mode):
    chosen = dataclasses.replace(PRESETS[preset], bound_mode=mode, eps=1e-2, restarts=False)
    with jax.enable_x64(True):
        es = DES(14, jnp.zeros(3, jnp.float64), preset=chosen, bounds=(LOWER, UPPER))
        params = es.default_params
        state = es.init(jax.random.key(0), None, params)
        reference = Reference(
            13, LOWER, UPPER, chosen.paper, chosen.equal_weights, mode, chosen.eps
        )
        outside = 0
        for generation in range(2 * es.archive_size + 3):
            key = jax.random.fold_in(jax.random.key(1), generation)
            draws = numpy_draws(es.draw(key, state))
            rows, state = es.ask(key, state, params)
            if generation == 0:
                reference.begin(rows[:13])
            else:
                expected = reference.breed(draws)
                np.testing.assert_allclose(rows, expected, rtol=1e-9, atol=1e-9)
                outside += int(np.sum(~np.asarray(state.counted)))
            values = objective(np.asarray(rows))
            state, _ = es.tell(key, rows, values, state, params)
            reference.select(values[:13])
            np.testing.assert_allclose(state.mean, reference.m, rtol=1e-10)
    assert (outside > 0) == (mode != "lamarckian")


def test_parameter_table():
    for n, lam, mu, history, c_d, c_p in [
        (2, 8, 4, 11, 0.6667, 0.7071),
        (7, 28, 14, 14, 0.8750, 0.3780),
        (10, 40, 20, 16, 0.9091, 0.3162),
        (30, 120, 60, 23, 0.9677, 0.1826),
    ]:
        es = DES(None, jnp.zeros(n))
        params = es.default_params
        assert (es.population_size, es.num_offspring) == (lam + 1, lam)
        assert (es.num_parents, es.archive_size) == (mu, history)
        assert float(params.c_d) == pytest.approx(c_d, abs=5e-5)
        assert float(params.c_p) == pytest.approx(c_p, abs=5e-5)
        assert int(params.budget) == 10_000 * n
    assert float(log_weights(5).sum()) == pytest.approx(1)


def test_first_population_fills_the_box_around_its_centre():
    for scale in (1.0, 0.8):
        preset = dataclasses.replace(PRESETS["release"], init_scale=scale)
        es = DES(2001, jnp.zeros(1), preset=preset, bounds=(100.0, 101.0))
        rows, _ = es.ask(jax.random.key(0), es.init(jax.random.key(0)), es.default_params)
        half = np.abs(np.asarray(rows[:2000]) - 100.5)
        assert 0.99 * scale / 2 < half.max() <= scale / 2 + 1e-5
        assert half.mean() == pytest.approx(scale / 4, rel=0.05)


def test_start_point_is_a_row_or_the_first_mean():
    x0 = jnp.array([0.1, 0.9])
    for name, is_row in [("release", True), ("release-original", False), ("tevc", False)]:
        es = DES(None, x0, preset=name)
        state = es.init(jax.random.key(0), x0, es.default_params)
        rows, state = es.ask(jax.random.key(0), state, es.default_params)
        assert bool((rows == x0).all(-1).any()) == is_row
        expected = rows[:8].mean(0) if is_row else x0
        np.testing.assert_allclose(state.mean, expected, rtol=1e-6)


def test_unusable_options():
    with pytest.raises(ConfigError, match="release-original"):
        DES(None, jnp.zeros(2), preset="release-orignal")
    with pytest.raises(ConfigError, match="population_size"):
        DES(2, jnp.zeros(2))
    with pytest.raises(ConfigError, match="float"):
        DES(None, jnp.zeros(2, jnp.int32))
    with pytest.raises(ConfigError, match="parents"):
        DES(None, jnp.zeros(2), parents=9)


def test_first_population_counts_for_the_best_and_nan_does_not_block_it():
    es = DES(None, jnp.zeros(2))
    params, key = es.default_params, jax.random.key(0)
    rows, state = es.ask(key, es.init(key), params)
    fitness = jnp.full(9, jnp.nan).at[3].set(2.0).at[5].set(jnp.inf).at[6].set(-jnp.inf)
    state, _ = es.tell(key, rows, fitness, state, params)
    assert float(state.best_fitness) == 2.0
    np.testing.assert_array_equal(state.best_solution, rows[3])
    np.testing.assert_allclose(state.mean, rows[3], rtol=1e-5)  # the failed are never bred
    assert int(state.evaluations) == 9


@pytest.mark.parametrize("size", [2, 40, 256, 257])  # by comparing all pairs, and by sorting
def test_order_is_that_of_a_stable_sort(size):
    fitness = jnp.round(jax.random.normal(jax.random.key(1), (size,)), 1).at[::5].set(jnp.inf)
    order = best_first(fitness)
    np.testing.assert_array_equal(order, np.argsort(fitness, kind="stable"))


def test_midpoint_row_improves_the_best_and_nothing_else():
    es = DES(None, jnp.zeros(2))
    params, key = es.default_params, jax.random.key(0)
    rows, asked = es.ask(key, es.init(key), params)
    np.testing.assert_allclose(rows[8], [0.5, 0.5])
    told = [es.tell(key, rows, sphere(rows).at[8].set(v), asked, params)[0] for v in (-5.0, 50.0)]
    assert float(told[0].best_fitness) == -5 < float(told[1].best_fitness)
    np.testing.assert_array_equal(told[0].mean, told[1].mean)
    np.testing.assert_array_equal(told[0].parents, told[1].parents)


def test_all_failed_generation_leaves_mean_and_archive():
    es = DES(None, jnp.zeros(3))
    params, key = es.default_params, jax.random.key(0)
    (state, _), failed = run(es, sphere, 5), jnp.full(13, jnp.nan)
    rows, asked = es.ask(key, state, params)
    told, _ = es.tell(key, rows, failed, asked, params)
    for name in ("mean", "parents", "shifts", "paths", "path", "age"):
        np.testing.assert_array_equal(getattr(told, name), getattr(state, name))
    assert int(told.evaluations) == int(state.evaluations) + 13
    lost, _ = run(es, lambda rows: jnp.full(13, jnp.nan), 4)
    assert bool(lost.fresh)
    assert np.isinf(lost.best_fitness)


def test_integer_fitness_is_not_truncated_into_ties():
    es = DES(None, jnp.zeros(2))
    state, _ = run(es, lambda rows: jnp.round(1e4 * sphere(rows)).astype(jnp.int32), 60)
    assert float(state.best_fitness) <= 1
    assert state.best_fitness.dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.parametrize("dims", [1, 400])
def test_one_and_many_dimensions(dims):
    es = DES(None, jnp.zeros(dims))
    state, best = run(es, sphere, 30)
    assert np.isfinite(state.mean).all()
    assert best[-1] < (1e-3 if dims == 1 else best[0])


@pytest.mark.parametrize(("size", "midpoint"), [(4, True), (4, False), (12, True), (2, False)])
def test_small_and_odd_populations(size, midpoint):
    es = DES(size, jnp.zeros(3), midpoint=midpoint)
    state, _ = run(es, sphere, 20)
    rows, _ = es.ask(jax.random.key(0), state, es.default_params)
    assert rows.shape == (size, 3)
    assert es.num_parents == (size - midpoint) // 2
    assert np.isfinite(rows).all()


def test_vmap_over_runs_and_over_hyperparameters_is_that_many_runs():
    es = DES(None, jnp.zeros(3))
    params = es.default_params
    eps = jnp.array([1e-6, 1e-1])
    one_run = jax.jit(lambda e: scanned(es, sphere, 15, 0, params.replace(eps=e))[0])
    many = jax.jit(jax.vmap(one_run))(eps)
    for k in range(2):
        one = one_run(eps[k])
        np.testing.assert_allclose(many.mean[k], one.mean, rtol=1e-3)
    assert not np.allclose(many.mean[0], many.mean[1])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_state_keeps_its_dtype(dtype):
    es = DES(None, jnp.zeros(3, dtype))
    state, _ = run(es, sphere, 10)
    assert state.mean.dtype == state.parents.dtype == dtype
    assert float(state.best_fitness) < 0.05


def test_solutions_may_be_trees():
    es = DES(None, {"a": jnp.zeros(2), "b": jnp.zeros(())})
    state, _ = run(es, lambda rows: sphere(rows["a"]) + (rows["b"] - 0.7) ** 2, 60)
    found = es._unravel_solution(state.best_solution)
    assert float(found["b"]) == pytest.approx(0.7, abs=0.05)


def test_float32_archive_keeps_its_digits_far_from_the_origin():
    es = DES(None, jnp.zeros(3), bounds=(1000.0, 1001.0))
    state, _ = run(es, lambda rows: jnp.sum((rows - 1000.3) ** 2, -1), 60)
    assert float(jnp.abs(state.parents).max()) < 1
    assert float(jnp.abs(state.best_solution - 1000.3).max()) < 3e-3


def test_equal_algorithms_share_their_compilation():
    first, second = DES(None, jnp.zeros(5)), DES(None, jnp.zeros(5), bounds=(0.0, 2.0))
    assert first == second
    first.ask(jax.random.key(0), first.init(jax.random.key(0)), first.default_params)
    compiled = DES.ask._cache_size()
    second.ask(jax.random.key(0), second.init(jax.random.key(0)), second.default_params)
    assert DES.ask._cache_size() == compiled


def test_registration_leaves_evosax_alone():
    from evosax.algorithms import algorithms

    from hptjax.des import register

    discovered = algorithms["DES"]
    assert algorithms[register()] is DES
    assert algorithms["DES"] is discovered
    assert discovered is not DES


def test_small_reference_sphere():
    """Medians of 51 runs of release-original on [-5, 5]^7, as published for the release code."""
    shift = jnp.asarray(np.random.default_rng(0).uniform(-3, 3, 7), jnp.float32)
    es = DES(None, jnp.zeros(7), preset="release-original", bounds=(-5.0, 5.0), budget=3600)
    params = es.default_params

    def one_run(seed):
        return scanned(es, lambda rows: jnp.sum((rows - shift) ** 2, -1), 124, seed, params)[1]

    best, nfev = jax.jit(jax.vmap(one_run))(jnp.arange(51))
    for evaluations, expected, factor in [(175, 1.4, 2), (700, 0.10, 2), (3500, 1.4e-5, 3)]:
        at = int(np.searchsorted(nfev[0], evaluations))
        assert expected / factor < float(jnp.median(best[:, at])) < expected * factor


@pytest.mark.parametrize("preset", ["release", "tevc"])
def test_a_row_breeds_as_the_point_that_was_told(preset):
    """The caller may have evaluated another point than the one asked for."""
    es = DES(9, jnp.zeros(2), preset=preset)
    params = es.default_params
    key = jax.random.key(0)
    points, state = es.ask(key, es.init(key, None, params), params)
    told = points.at[3].set(jnp.array([0.125, 0.875]))
    fitness = jnp.arange(9.0).at[3].set(-1.0)
    state, _ = es.tell(key, told, fitness, state, params)
    order = np.argsort(fitness[:8])[: es.num_parents]
    weights = np.log(es.num_parents + 1) - np.log(np.arange(1, es.num_parents + 1))
    mean = (weights / weights.sum()) @ np.asarray(told)[order]
    np.testing.assert_allclose(state.mean, mean, rtol=1e-6)
