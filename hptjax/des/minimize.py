"""`des_minimize`: DES in the manner of `scipy.optimize.minimize`."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from hptjax.des import runner
from hptjax.des.algorithm import DES
from hptjax.des.bounds import check_box
from hptjax.des.presets import Preset
from hptjax.des.probe import Probe
from hptjax.des.state import Params, State
from hptjax.errors import ConfigError
from hptjax.settings import named_key

MESSAGES = {
    0: "the target was reached",
    1: "the budget of evaluations was spent",
    2: "the time limit was reached",
    3: "the callback asked to stop",
    4: "no evaluation gave a finite value",
}
_COMPILED_GENERATIONS = 1024  # longest history buffer of one compiled call


def des_minimize(
    fn: Callable,
    x0: Any = None,
    bounds: Any = None,
    *,
    preset: str | Preset = "release",
    population_size: int | None = None,
    budget: int | None = None,
    target: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[OptimizeResult], Any] | None = None,
    history: bool | Literal["population"] = False,
    vectorized: bool = False,
    runs: int | None = None,
    midpoint: bool = True,
    dtype: Any = None,
    jit: bool | None = None,
) -> OptimizeResult:
    """Minimises `fn` over a box with DES (Arabas & Jagodzinski 2020, `hptjax.des.algorithm`).

    fn: a point [D] -> number; with `vectorized`, points [M, D] -> [M]. NaN and infinities are
    failed evaluations; what it raises is raised here. A function that answers with a JAX array runs
    inside one compiled program (`jit=None` finds out on the first evaluation; True and False say
    so), any other is called once for each evaluation counted in `nfev`.
    x0: start point [D]; optional where `bounds` names every dimension.
    bounds: D pairs (low, high), a `scipy.optimize.Bounds`, one pair for all dimensions of x0, or
    two arrays [D] (D not 2).
    population_size: evaluations of a generation, default 4 D + 1 (4 D without `midpoint`).
    budget: evaluations, default 10000 D. target: stop at this value. time_limit: seconds.
    callback: called after each generation with the result so far; True or StopIteration stops.
    history: True keeps statistics of each generation, "population" the populations too.
    runs: K independent runs at once; every field of the result then has a leading axis K (and the
    history a second one, after the generations).
    dtype: default float64 for plain functions, JAX's default float for compiled ones.

    Returns: OptimizeResult with x, fun, nfev, nit, success, status, message, restarts, time and
    history (dict: nfev, best, mean, median, worst of each generation's evaluations, best_so_far,
    mean_coordinates, population; no evaluation is spent on it). status: key of MESSAGES; success:
    a finite value was found and the target, if there is one, was reached.
    Raises: ConfigError for unusable arguments.

    Example:
        >>> import hptjax
        >>> box = [(-5, 5)] * 3
        >>> found = hptjax.des_minimize(lambda x: (x**2).sum(), bounds=box, budget=2000)
        >>> bool(found.fun < 1e-3)
        True
    """
    lower, upper = _box(bounds, x0)
    start_point = None if x0 is None else np.asarray(x0, float).reshape(-1)
    _check(lower.size, start_point, budget, runs, history)
    clock = _Clock(time_limit)

    def prepare(default: Any) -> tuple[runner.Minimization, Params, Any]:
        solution = jnp.zeros(lower.size, default if dtype is None else dtype)
        es = DES(
            population_size,
            solution,
            preset=preset,
            bounds=(lower, upper),
            budget=budget,
            target=-math.inf if target is None else target,
            midpoint=midpoint,
        )
        point = None if start_point is None else jnp.asarray(start_point, solution.dtype)
        problem = runner.Minimization(es, fn, vectorized, runs, history == "population")
        return problem, es.default_params, point

    outcome = None
    native = jnp.zeros(0).dtype == np.float64  # the precision of a compiled run
    if not jit:
        probe = Probe(native) if jit is None else None
        with _precision(dtype or np.float64):
            outcome = _on_host(*prepare(np.float64), seed, bool(history), callback, clock, probe)
    if outcome is None:
        if dtype is not None and np.dtype(dtype) == np.float64 and not native:
            raise ConfigError(
                "a compiled run in float64 needs jax.config.update('jax_enable_x64', True) before; "
                "or give jit=False."
            )
        outcome = _compiled(*prepare(None), seed, bool(history), callback, clock)
    return _result(*outcome, target, clock)


class _Clock:
    """Wall time of the run, against its limit in seconds."""

    def __init__(self, limit: float | None) -> None:
        if limit is not None and not limit > 0:
            raise ConfigError(f"time_limit must be above 0 seconds; got {limit}.")
        self.limit, self.begin = limit, time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self.begin

    def over(self) -> bool:
        return self.limit is not None and self.elapsed() >= self.limit


def _box(bounds: Any, x0: Any) -> tuple[np.ndarray, np.ndarray]:
    dims = None if x0 is None else np.size(x0)
    if bounds is None:
        raise ConfigError("DES needs bounds: a pair (low, high) for every dimension.")
    if isinstance(bounds, Bounds):
        return check_box(bounds.lb, bounds.ub, dims)
    array = np.asarray(bounds, float)
    if array.ndim == 2 and array.shape[1] == 2:
        return check_box(array[:, 0], array[:, 1], dims)
    if array.ndim == 2 and array.shape[0] == 2:
        return check_box(array[0], array[1], dims)
    if array.shape == (2,) and dims is not None:
        return check_box(array[0], array[1], dims)
    raise ConfigError(
        "bounds must be D pairs (low, high), a scipy Bounds, or, with x0, one pair for all "
        f"dimensions; got an array of shape {array.shape}."
    )


def _check(dims: int, x0: np.ndarray | None, budget: Any, runs: Any, history: Any) -> None:
    if x0 is not None and not (x0.size == dims and np.isfinite(x0).all()):
        raise ConfigError(f"x0 must be {dims} finite numbers, as the bounds are; got {x0}.")
    for name, value in (("budget", budget), ("runs", runs)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1; got {value}.")
    if history not in (True, False, "population"):
        raise ConfigError(f"history must be True, False or 'population'; got {history!r}.")


def _precision(dtype: Any):
    """The context in which JAX keeps float64, where that is what was asked for."""
    wide = dtype is not None and np.dtype(dtype) == np.float64
    return jax.enable_x64(True) if wide else contextlib.nullcontext()


Outcome = tuple[runner.Minimization, State, Params, Sequence[runner.Record], int | None]


def _compiled(
    problem: runner.Minimization,
    params: Params,
    x0: Any,
    seed: int,
    record: bool,
    callback: Callable | None,
    clock: _Clock,
) -> Outcome:
    keys, state = runner.start(problem, params, named_key(seed), x0)
    budget = int(params.budget)
    needed = math.ceil(budget / problem.es.population_size)
    capacity = min(needed, _COMPILED_GENERATIONS) if record else 0
    pieces, made, status = [], 0, None
    while made < budget and not bool(jnp.all(state.stopped)):
        limit = _slice(callback, clock, made, capacity, budget - made)
        state, buffer, done = runner.advance(problem, capacity, limit, keys, state, params)
        count = int(done)
        made += count
        if buffer is not None:
            pieces.append(jax.tree.map(lambda b, c=count: np.asarray(b[:c]), buffer))
        if callback and _wants_stop(callback, problem, state, params, clock):
            status = 3
        elif clock.over():
            status = 2
        if status is not None:
            break
    return problem, state, params, pieces, status


def _slice(callback: Any, clock: _Clock, made: int, capacity: int, left: int) -> int:
    """How many generations the next compiled call makes before the host looks in."""
    wanted = left
    if clock.limit is not None:  # small first, then about a twentieth of the limit each
        rate = made / max(clock.elapsed(), 1e-9)
        wanted = max(1, min(4 * max(made, 1), int(rate * clock.limit / 20)))
    if callback is not None:
        wanted = 1
    return min(wanted, left, capacity or left)


def _on_host(
    problem: runner.Minimization,
    params: Params,
    x0: Any,
    seed: int,
    record: bool,
    callback: Callable | None,
    clock: _Clock,
    probe: "Probe | None",
) -> Outcome | None:
    """The loop around a plain function; None if the probe finds one that JAX can compile."""
    keys, state = runner.start(problem, params, named_key(seed), x0)
    rows, state = runner.ask(problem, keys, state, params)
    budget, pieces, status = int(params.budget), [], None
    for _ in range(budget):
        points, counted = np.asarray(rows), np.asarray(state.counted)
        fitness = (probe or runner.evaluate_on_host)(problem, points, counted)
        probe = None
        if fitness is None:
            return None
        kept, rows, state = runner.tell_and_ask(problem, record, keys, rows, fitness, state, params)
        if kept is not None:
            pieces.append(jax.tree.map(lambda leaf: np.asarray(leaf)[None], kept))
        if np.all(state.stopped):
            break
        if callback and _wants_stop(callback, problem, state, params, clock):
            status = 3
            break
        if clock.over():
            status = 2
            break
    return problem, state, params, pieces, status


def _wants_stop(callback: Callable, problem, state: State, params: Params, clock: _Clock) -> bool:
    try:
        return callback(_result(problem, state, params, (), None, None, clock)) is True
    except StopIteration:
        return True


def _result(
    problem: runner.Minimization,
    state: State,
    params: Params,
    pieces: Sequence[runner.Record],
    status: int | None,
    target: float | None,
    clock: _Clock,
) -> OptimizeResult:
    best = np.asarray(state.best_fitness)
    reached = best <= np.asarray(params.target)
    code = np.where(np.asarray(state.stopped), 1, 1 if status is None else status)
    code = np.where(reached, 0, np.where(np.isfinite(best), code, np.where(code == 1, 4, code)))
    success = np.isfinite(best) & (reached | (target is None))
    result = OptimizeResult(
        x=np.asarray(state.best_solution),
        fun=best,
        nfev=np.asarray(state.evaluations),
        nit=np.asarray(state.generation_counter),
        restarts=np.asarray(state.restarts),
        status=code,
        success=success,
        time=clock.elapsed(),
    )
    if problem.runs is None:
        for name in ("fun", "nfev", "nit", "restarts", "status", "success"):
            result[name] = result[name].item()
        result["message"] = MESSAGES[result["status"]]
    else:
        result["message"] = [MESSAGES[int(k)] for k in code]
    if pieces:
        record = jax.tree.map(lambda *leaves: np.concatenate(leaves), *pieces)
        result["history"] = record._asdict()
        if not problem.population:
            del result["history"]["population"]
    return result
