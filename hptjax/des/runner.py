"""Runs DES on an objective: in one compiled program, or step by step on plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from hptjax.des.algorithm import DES
from hptjax.des.state import Params, State
from hptjax.errors import ConfigError
from hptjax.settings import named_key

_CACHE = 2**19  # bytes of the archives of one loop's runs, which a core's L2 cache holds


class Record(NamedTuple):
    """One generation's entry in the history; NaN if every evaluation failed."""

    nfev: Any
    best: Any  # of the L offspring, as are the next three
    mean: Any
    median: Any
    worst: Any
    best_so_far: Any
    mean_coordinates: Any  # [D] mean of the search distribution after the generation
    population: Any  # [L, D], or empty


@dataclass(frozen=True)
class Minimization:
    """An objective and the algorithm that minimises it; hashable, so that compilations are shared.

    fn: [D] -> scalar or, if vectorized, [M, D] -> [M]. runs: independent runs, None means one
    without a leading axis. population: whether the history keeps the populations.
    """

    es: DES
    fn: Callable
    vectorized: bool
    runs: int | None
    population: bool

    def batched(self, function: Callable, *axes: int | None) -> Callable:
        """Returns `function` for all runs; axes: as for `jax.vmap`."""
        return function if self.runs is None else jax.vmap(function, in_axes=axes)

    def evaluate(self, rows: jax.Array) -> jax.Array:
        """Returns the fitness of rows [..., D] under trace."""
        flat = rows.reshape(-1, rows.shape[-1])
        fitness = self.fn(flat) if self.vectorized else jax.vmap(self.fn)(flat)
        if jnp.shape(fitness) != flat.shape[:1]:
            raise ConfigError(
                "the objective must return one number for each point; for "
                f"{flat.shape[0]} points it returned the shape {jnp.shape(fitness)}."
            )
        return fitness.reshape(rows.shape[:-1])


def start(
    problem: Minimization, params: Params, key: jax.Array, x0: Any
) -> tuple[jax.Array, State]:
    """Returns one key and one first state for each run; run 0 of many equals a single run."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(problem.runs or 1))
    keys = keys[0] if problem.runs is None else keys
    return keys, problem.batched(problem.es.init, 0, None, None)(keys, x0, params)


def _ask(problem: Minimization, keys: jax.Array, state: State, params: Params):
    def one(key: jax.Array, state: State):
        return problem.es._ask(jax.random.fold_in(key, state.generation_counter), state, params)

    return problem.batched(one, 0, 0)(keys, state)


def _tell(problem: Minimization, rows, fitness, state: State, params: Params) -> State:
    def one(rows, fitness, state: State) -> State:
        return problem.es.tell(named_key(0), rows, fitness, state, params)[0]

    return problem.batched(one, 0, 0, 0)(rows, fitness, state)


def _record(problem: Minimization, rows, fitness, asked: State, told: State) -> Record:
    def one(rows, fitness, counted, told: State) -> Record:
        size = problem.es.num_offspring
        value = fitness.astype(problem.es.fitness_dtype)
        value = jnp.where(counted & jnp.isfinite(value), value, jnp.nan)[:size]
        kept = rows[:size] if problem.population else rows[:0]
        return Record(
            nfev=told.evaluations,
            best=jnp.nanmin(value),
            mean=jnp.nanmean(value),
            median=jnp.nanmedian(value),
            worst=jnp.nanmax(value),
            best_so_far=told.best_fitness,
            mean_coordinates=told.mean,
            population=kept,
        )

    return problem.batched(one, 0, 0, 0, 0)(rows, fitness, asked.counted, told)


@partial(jax.jit, static_argnames=("problem", "capacity"))
def advance(
    problem: Minimization, capacity: int, limit: Any, keys: jax.Array, state: State, params: Params
) -> tuple[State, Record | None, jax.Array]:
    """Makes up to `limit` generations, until every run has stopped, in one compiled program.

    Many runs are spread over the local devices. A device's runs go through one loop as a batch; on
    a CPU they go through several loops in turn, each a batch that its cache can hold.
    capacity: length of the history buffer, at least `limit`; 0 keeps none. Returns the state, the
    buffer [capacity, ...] and how many generations were made.
    """
    if problem.runs is None:
        return _loop(problem, capacity, False, limit, keys, state, params)
    devices = _devices(problem)
    share, group = _shares(problem.es, problem.runs, devices)
    index = jnp.minimum(jnp.arange(share * len(devices)), problem.runs - 1)
    keys, state = jax.tree.map(lambda leaf: leaf[index], (keys, state))  # repeats the last one
    loop = partial(_in_turn, problem, capacity, group)
    if len(devices) > 1:
        loop = jax.shard_map(
            loop,
            mesh=Mesh(np.array(devices), "runs"),
            in_specs=(P(), P("runs"), P("runs"), P()),
            out_specs=(P("runs"), P(None, "runs"), P("runs")),
            check_vma=False,  # the loop's counter begins as a constant
        )
    state, buffer, made = loop(limit, keys, state, params)
    state = jax.tree.map(lambda leaf: leaf[: problem.runs], state)
    return state, jax.tree.map(lambda leaf: leaf[:, : problem.runs], buffer), made.max()


def _shares(es: DES, runs: int, devices: list) -> tuple[int, int]:
    """Returns how many runs each device has, and how many of them go through one loop."""
    share = -(-runs // len(devices))
    if devices[0].platform != "cpu":
        return share, share
    archive = es.archive_size * es.num_parents * es.num_dims * es.dtype.itemsize
    turns = -(-share // max(1, _CACHE // archive))
    group = -(-share // turns)
    return turns * group, group


def _in_turn(
    problem: Minimization,
    capacity: int,
    group: int,
    limit: Any,
    keys: Any,
    state: State,
    params: Params,
) -> tuple[State, Record | None, jax.Array]:
    """Advances one device's runs, `group` of them at a time."""
    loop = partial(_loop, problem, capacity, True, limit)
    if len(keys) == group:
        return loop(keys, state, params)

    def grouped(leaf: jax.Array) -> jax.Array:
        return leaf.reshape(len(keys) // group, group, *leaf.shape[1:])

    def joined(leaf: jax.Array) -> jax.Array:
        leaf = jnp.moveaxis(leaf, 0, 1)  # after the generations
        return leaf.reshape(leaf.shape[0], len(keys), *leaf.shape[3:])  # may be empty

    groups = jax.tree.map(grouped, (keys, state))
    state, buffer, made = jax.lax.map(lambda group: loop(group[0], group[1], params), groups)
    state = jax.tree.map(lambda leaf: leaf.reshape(len(keys), *leaf.shape[2:]), state)
    return state, jax.tree.map(joined, buffer), made.ravel()


def _devices(problem: Minimization) -> list:
    """Returns the devices for equal shares: the fewest with the smallest largest share."""
    devices = jax.local_devices()
    chosen = getattr(jax.config, "jax_default_device", None)
    if problem.runs is None or chosen is not None:
        return devices[:1]  # one loop, on JAX's default device
    share = -(-problem.runs // len(devices))
    return devices[: -(-problem.runs // share)]


def _loop(
    problem: Minimization,
    capacity: int,
    shared: bool,
    limit: Any,
    keys: jax.Array,
    state: State,
    params: Params,
) -> tuple[State, Record | None, jax.Array]:
    """Does `advance` on one device; shared: other loops have runs, too, and may take longer."""

    def generation(state: State) -> tuple[State, Record | None]:
        rows, asked = _ask(problem, keys, state, params)
        fitness = problem.evaluate(rows)
        told = _tell(problem, rows, fitness, asked, params)
        return told, _record(problem, rows, fitness, asked, told) if capacity else None

    def body(carry):
        state, buffer, done, _ = carry
        stopped = jnp.all(state.stopped) if repeats else False
        state, record = generation(state)
        buffer = jax.tree.map(lambda old, new: old.at[done].set(new), buffer, record)
        return state, buffer, done + 1, stopped

    def unfinished(carry):
        state, _, done, idle = carry
        return (done < limit) & ~(idle if repeats else jnp.all(state.stopped))

    # One generation after the stop gives the record to repeat until the longest loop has ended.
    repeats = shared and capacity > 0
    shapes = jax.eval_shape(generation, state)[1]
    buffer = jax.tree.map(lambda s: jnp.zeros((capacity, *s.shape), s.dtype), shapes)
    first = (state, buffer, jnp.int32(0), jnp.asarray(False))
    state, buffer, done, idle = jax.lax.while_loop(unfinished, body, first)
    if repeats:
        index = jnp.minimum(jnp.arange(capacity), done - 1)
        buffer = jax.tree.map(lambda leaf: leaf[index], buffer)
    return state, buffer, (done - jnp.int32(idle))[None] if shared else done


@partial(jax.jit, static_argnames="problem")
def ask(problem: Minimization, keys: jax.Array, state: State, params: Params):
    """Returns the next rows of all runs, and the state that waits for their fitness."""
    return _ask(problem, keys, state, params)


@partial(jax.jit, static_argnames=("problem", "record"), donate_argnames="state")
def tell_and_ask(
    problem: Minimization,
    record: bool,
    keys: jax.Array,
    rows: jax.Array,
    fitness: jax.Array,
    state: State,
    params: Params,
):
    """Makes one generation of the host loop: (told state's record or None, next rows, state)."""
    told = _tell(problem, rows, fitness, state, params)
    kept = _record(problem, rows, fitness, state, told) if record else None
    rows, asked = _ask(problem, keys, told, params)
    return kept, rows, asked


def evaluate_on_host(problem: Minimization, rows: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the fitness [...] of rows [..., D] by plain calls; NaN for rows not counted."""
    fitness = np.full(counted.shape, np.nan)
    points = rows[counted]
    if problem.vectorized:
        values = np.asarray(problem.fn(points), float) if len(points) else np.empty(0)
        if values.shape != points.shape[:1]:
            raise ConfigError(
                "a vectorized objective must return one number for each point; for "
                f"{len(points)} points it returned the shape {values.shape}."
            )
        fitness[counted] = values
    else:
        fitness[counted] = [scalar(problem.fn(point)) for point in points]
    return fitness


def scalar(value: Any) -> float:
    """Returns the value of an objective as a float. Raises: ConfigError if it is not one number."""
    if np.size(value) != 1:
        raise ConfigError(
            f"the objective must return one number for a point; got the shape {np.shape(value)}."
        )
    return float(np.asarray(value).reshape(()))
