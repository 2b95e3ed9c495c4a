"""DES stops, restarts, and treats points outside its box as the bound mode says."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.des.algorithm import DES
from hptjax.des.presets import PRESETS
from tests.des_runs import run, sphere


def test_budget_is_exact_and_stops():
    for budget in (5, 9, 40):
        es = DES(None, jnp.zeros(2), budget=budget)
        state, _ = run(es, sphere, 12)
        assert int(state.evaluations) == budget
        assert bool(state.stopped)
        assert int(state.generation_counter) == -(-budget // 9)


def test_target_looks_at_the_best_row_wherever_it_is():
    es = DES(None, jnp.zeros(2), target=-1.0)
    params, key = es.default_params, jax.random.key(0)
    rows, asked = es.ask(key, es.init(key), params)
    hit, _ = es.tell(key, rows, sphere(rows).at[4].set(-1.0), asked, params)
    miss, _ = es.tell(key, rows, sphere(rows), asked, params)
    assert bool(hit.stopped)
    assert not bool(miss.stopped)
    rows, asked = es.ask(key, hit, params)
    after, _ = es.tell(key, rows, jnp.full(9, -9.0), asked, params)
    assert float(after.best_fitness) == -1.0
    np.testing.assert_array_equal(after.mean, hit.mean)


def test_restarts_keep_the_best_and_follow_the_preset():
    counts = {}
    for name in ("release", "release-original", "tevc"):
        es = DES(None, jnp.zeros(2), preset=name, budget=4000)
        state, best = run(es, sphere, 440)
        counts[name] = int(state.restarts)
        assert (np.diff(best) <= 0).all()
    assert counts["release"] > 0
    assert counts["tevc"] > 0
    assert counts["release-original"] == 0
    short = DES(None, jnp.zeros(2), budget=200 * 9)  # not above 200 generations
    assert int(run(short, sphere, 200)[0].restarts) == 0


def test_bound_modes_differ_where_the_optimum_is_at_the_bound():
    best, counted = {}, {}
    for mode in ("lamarckian", "penalty", "death"):
        preset = dataclasses.replace(PRESETS["release"], bound_mode=mode)
        es = DES(None, jnp.zeros(4), preset=preset, budget=10_000)
        state, _ = run(es, lambda rows: jnp.sum(rows, -1), 40)
        best[mode], counted[mode] = float(state.best_fitness), int(state.evaluations)
    assert counted["lamarckian"] == 40 * 17
    assert counted["penalty"] != counted["death"]
    assert max(counted["penalty"], counted["death"]) < 40 * 17
    assert len(set(best.values())) == 3


@pytest.mark.parametrize(("mode", "restarts"), [("death", 1), ("penalty", 0)])
def test_rows_that_death_leaves_unevaluated_do_not_hold_up_a_restart(mode, restarts):
    preset = dataclasses.replace(PRESETS["tevc"], bound_mode=mode)
    es = DES(None, jnp.zeros(2), preset=preset, budget=4000)
    params, key = es.default_params, jax.random.key(0)
    state, _ = run(es, sphere, 3)
    rows, asked = es.ask(key, state, params)
    outside = asked.replace(
        genotypes=jnp.asarray(rows[:8]).at[0, 1].set(1.5),
        counted=jnp.ones(9, bool).at[0].set(False),
    )
    flat, failed = jnp.ones(9), jnp.ones(9).at[3].set(jnp.nan)
    assert int(es.tell(key, rows, flat, outside, params)[0].restarts) == restarts
    assert int(es.tell(key, rows, failed, outside, params)[0].restarts) == 0
