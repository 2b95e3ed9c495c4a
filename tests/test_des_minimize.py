"""des_minimize: plain and compiled objectives, stops, history, runs, bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import Bounds, OptimizeResult

from hptjax.des import des_minimize, runner
from hptjax.errors import ConfigError

BOX = [(-5.0, 5.0), (-5.0, 5.0)]


def plain(x):
    return float(np.sum((x - 1.5) ** 2))


def traced(x):
    return jnp.sum((x - 1.5) ** 2)


def test_plain_function_is_called_once_for_each_counted_evaluation():
    calls = []
    result = des_minimize(lambda x: calls.append(x) or plain(x), bounds=BOX, budget=203)
    assert len(calls) == result.nfev == 203
    assert result.fun == min(plain(x) for x in calls)  # every evaluation counts, in float64
    assert plain(result.x) == result.fun
    assert result.x.dtype == np.float64
    assert all(((x >= -5) & (x <= 5)).all() for x in calls)


def test_compiled_run_equals_the_plain_loop():
    compiled = des_minimize(traced, bounds=BOX, budget=180, history=True)
    looped = des_minimize(
        lambda x: float(traced(x)), bounds=BOX, budget=180, jit=False, dtype="float32", history=True
    )
    assert (compiled.nfev, compiled.nit) == (looped.nfev, looped.nit) == (180, 20)
    np.testing.assert_allclose(compiled.x, looped.x, rtol=1e-2)
    np.testing.assert_allclose(
        compiled.history["median"][:4], looped.history["median"][:4], rtol=1e-3
    )


def test_history_describes_the_evaluations_and_spends_none():
    seen = []
    result = des_minimize(
        lambda x: seen.append(plain(x)) or seen[-1], bounds=BOX, budget=90, history="population"
    )
    history, values = result.history, np.array(seen).reshape(10, 9)[:, :8]
    np.testing.assert_allclose(history["best"], values.min(1))
    np.testing.assert_allclose(history["mean"], values.mean(1))
    np.testing.assert_allclose(history["median"], np.median(values, 1))
    np.testing.assert_allclose(history["worst"], values.max(1))
    np.testing.assert_allclose(history["best_so_far"], np.minimum.accumulate(seen)[8::9])
    np.testing.assert_array_equal(history["nfev"], np.arange(9, 91, 9))
    assert history["population"].shape == (10, 8, 2)
    assert plain(history["population"][3, 2]) == values[3, 2]
    assert history["mean_coordinates"].shape == (10, 2)


def test_runs_are_independent_and_the_first_is_the_single_one():
    def rows(x):
        return np.sum((x - 1.5) ** 2, -1)

    many = des_minimize(rows, bounds=BOX, budget=90, runs=3, vectorized=True)
    one = des_minimize(rows, bounds=BOX, budget=90, vectorized=True)
    assert many.x.shape == (3, 2)
    np.testing.assert_allclose(many.x[0], one.x)
    assert len(set(many.fun)) == 3
    np.testing.assert_array_equal(many.nfev, 90)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("time_limit", "cache"),  # a limit cuts the run into several calls; 1 byte: a loop for each run
    [(None, 2**19), (3600.0, 2**19), (None, 1)],
)
def test_compiled_runs_do_not_depend_on_devices_and_loops(time_limit, cache, monkeypatch):
    monkeypatch.setattr(runner, "_CACHE", cache)
    runner.advance.clear_cache()

    def minimize(**options):
        return des_minimize(
            traced, bounds=BOX, budget=900, target=1e-3, history="population", **options
        )

    assert len(jax.local_devices()) == 2
    spread = minimize(runs=5, time_limit=time_limit)
    with jax.default_device(jax.local_devices()[0]):
        together = minimize(runs=5)
    alone = minimize()
    assert len(set(together.nit)) > 1  # runs stop at different times
    for name in ("x", "fun", "nfev", "nit", "restarts", "status"):
        np.testing.assert_allclose(spread[name], together[name], rtol=1e-4)
        np.testing.assert_allclose(spread[name][0], alone[name], rtol=1e-4)
    assert len(spread.history["nfev"]) == max(spread.nit)
    for name, values in together.history.items():
        np.testing.assert_allclose(spread.history[name], values, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(
            values[: alone.nit, 0], alone.history[name], rtol=1e-3, atol=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize("cache", [1, 2**19])
def test_a_stopped_run_repeats_its_end_in_the_history(cache, monkeypatch):
    monkeypatch.setattr(runner, "_CACHE", cache)
    runner.advance.clear_cache()
    history = des_minimize(
        traced, bounds=BOX, budget=900, target=1e-3, runs=5, history=True, time_limit=3600.0
    ).history
    last = history["nfev"].argmax(0)
    assert len(set(last)) > 1
    for run, end in enumerate(last):
        for name in ("nfev", "best_so_far", "mean_coordinates"):
            after = history[name][end:, run]
            np.testing.assert_array_equal(after, np.broadcast_to(after[0], after.shape))
        assert np.isnan(history["best"][end + 1 :, run]).all()  # nothing was evaluated


def test_stops_and_their_messages():
    target = des_minimize(plain, bounds=BOX, budget=5000, target=1e-2)
    assert (target.status, target.success) == (0, True)
    assert target.fun <= 1e-2
    assert target.nfev < 5000
    missed = des_minimize(plain, bounds=BOX, budget=30, target=-1.0)
    assert (missed.status, missed.success) == (1, False)
    late = des_minimize(plain, bounds=BOX, time_limit=1e-6)
    assert (late.status, late.nfev) == (2, 9)
    seen = []
    stopped = des_minimize(
        plain, bounds=BOX, callback=lambda r: seen.append(r) or len(seen) == 3, budget=900
    )
    assert (stopped.status, stopped.nit) == (3, 3)
    assert isinstance(seen[0], OptimizeResult)
    assert seen[0].nfev == 9
    failed = des_minimize(lambda x: float("nan"), bounds=BOX, budget=30)
    assert (failed.status, failed.success, failed.nfev) == (4, False, 30)
    assert "finite" in failed.message


def test_budget_below_one_generation():
    for budget in (1, 3, 8):
        result = des_minimize(plain, bounds=BOX, budget=budget)
        assert (result.nfev, result.nit) == (budget, 1)
        assert np.isfinite(result.fun)


def test_start_point_is_evaluated_and_not_changed():
    x0 = np.array([1.5, 1.5])
    result = des_minimize(plain, x0, BOX, budget=9)
    assert result.fun < 1e-12
    np.testing.assert_array_equal(x0, [1.5, 1.5])


def test_forms_of_bounds_agree():
    x0 = np.zeros(2)
    found = [
        des_minimize(plain, x0, bounds, budget=20).x
        for bounds in (BOX, Bounds([-5, -5], [5, 5]), (-5, 5), np.array(BOX))
    ]
    for x in found[1:]:
        np.testing.assert_array_equal(x, found[0])


def test_errors_of_the_objective_are_not_swallowed():
    def broken(x):
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        des_minimize(broken, bounds=BOX)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"bounds": None}, "needs bounds"),
        ({"bounds": [(0, 1), (2, 2)]}, "dimension 1 has"),
        ({"bounds": [(0, np.inf)]}, "finite"),
        ({"bounds": [(-np.inf, 0)]}, "finite"),
        ({"bounds": BOX, "budget": 0}, "budget"),
        ({"bounds": BOX, "x0": [0, 0, 0]}, "dimensions"),
        ({"bounds": BOX, "x0": [0, np.nan]}, "x0"),
        ({"bounds": BOX, "preset": "relase"}, "release"),
        ({"bounds": BOX, "time_limit": 0}, "time_limit"),
        ({"bounds": BOX, "history": "all"}, "history"),
        ({"bounds": (0, 1)}, "with x0"),
    ],
)
def test_unusable_arguments_are_named(arguments, text):
    with pytest.raises(ConfigError, match=text):
        des_minimize(plain, **arguments)


def test_objective_must_give_one_number():
    with pytest.raises(ConfigError, match="one number"):
        des_minimize(lambda x: x, bounds=BOX)
    with pytest.raises(ConfigError, match="one number"):
        des_minimize(lambda x: np.zeros(3), bounds=BOX, vectorized=True)


def test_infeasible_rows_are_not_evaluated():
    calls = []
    result = des_minimize(
        lambda x: calls.append(x) or float(x.sum()), bounds=BOX, budget=200, preset="tevc"
    )
    assert len(calls) == result.nfev == 200
    assert result.nit > -(-200 // 9)
