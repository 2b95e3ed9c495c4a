"""The state of a DES run, and its constants; the letters are those of `algorithm`."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based import base
from evosax.types import Fitness, Metrics, Population
from flax import struct

from hptjax.des.presets import BOUND_MODES, Preset
from hptjax.errors import ConfigError

LAMARCKIAN, PENALTY, DEATH = range(len(BOUND_MODES))
INT_MAX = 2**31 - 1


@struct.dataclass
class State(base.State):
    """What DES carries between calls; n dims, L offspring, M parents, H archive slots."""

    x0: jax.Array  # [n] start point; the centre of the box if none was given
    has_x0: jax.Array
    midpoint: jax.Array  # [n] c of (8)
    path: jax.Array  # [n] p of (4)
    genotypes: jax.Array  # [L, n] X, outside the box where the bound mode keeps raw points
    counted: jax.Array  # [population_size] rows of this batch that count as evaluations
    parents: jax.Array  # [H, M, n] A of (5), centred so that float32 keeps its digits
    num_parents: jax.Array  # [H] how many of the M parents did not fail
    shifts: jax.Array  # [H, n] D of (5)
    paths: jax.Array  # [H, n] Q of (5)
    age: jax.Array  # t
    evaluations: jax.Array
    restarts: jax.Array
    worst_fitness: jax.Array  # worst finite feasible value so far, for the penalty
    fresh: jax.Array  # whether the next population is a first one
    stopped: jax.Array  # whether budget or target is reached: further tells change nothing


@struct.dataclass
class Params(base.Params):
    """Constants of a run, all traced: vmap over any of them."""

    lower: jax.Array  # [n]
    upper: jax.Array  # [n]
    weights: jax.Array  # [M] w of (2)
    population_weights: jax.Array  # [L] v of (3)
    c_d: jax.Array
    c_p: jax.Array
    eps: jax.Array
    init_scale: jax.Array
    mean_from_x0: jax.Array
    paper: jax.Array
    bound_mode: jax.Array  # index into BOUND_MODES
    budget: jax.Array
    target: jax.Array
    horizon: jax.Array  # evaluations by which restarts are decided; normally the budget
    restart_above: jax.Array  # restarts happen only if the horizon is larger than this
    restart_spread: jax.Array


def metrics_fn(
    key: jax.Array, population: Population, fitness: Fitness, state: State, params: Params
) -> Metrics:
    """evosax's metrics, and DES's counters. fitness: [population_size], +inf = failed."""
    return base.metrics_fn(key, population, fitness, state, params) | {
        "evaluations": state.evaluations,
        "restarts": state.restarts,
    }


def log_weights(count: int) -> jax.Array:
    """Weights proportional to ln(count + 1) - ln i, i = 1..count, of sum 1."""
    raw = math.log(count + 1) - jnp.log(jnp.arange(1, count + 1))
    return raw / raw.sum()


def memory_sizes(
    num_offspring: int, dims: int, parents: int | None, archive: int | None
) -> tuple[int, int]:
    """M and H, by default those of the paper. Raises: ConfigError for impossible ones."""
    mu = num_offspring // 2 if parents is None else parents
    history = 6 + math.ceil(3 * math.sqrt(dims)) if archive is None else archive
    if not (1 <= mu <= num_offspring and history >= 1):
        raise ConfigError(
            f"DES needs 1 <= parents <= {num_offspring} and archive >= 1; "
            f"got parents={parents}, archive={archive}."
        )
    return mu, history


def default_params(
    preset: Preset,
    sizes: tuple[int, int, int],
    bounds: tuple[np.ndarray, np.ndarray],
    *,
    budget: int,
    target: float,
    dtypes: tuple[Any, Any],
) -> Params:
    """The constants of `preset`. sizes: rows, L and M; dtypes: of points and of fitness."""
    (rows, num_offspring, mu), n = sizes, bounds[0].size
    restart_above = {None: 200 * rows, True: 0, False: INT_MAX}[preset.restarts]
    real = partial(jnp.asarray, dtype=dtypes[0])
    fitness = partial(jnp.asarray, dtype=dtypes[1])
    count = partial(jnp.asarray, dtype=jnp.int32)
    return Params(
        lower=real(bounds[0]),
        upper=real(bounds[1]),
        weights=real(jnp.full(mu, 1 / mu) if preset.equal_weights else log_weights(mu)),
        population_weights=real(log_weights(num_offspring)),
        c_d=real(mu / (mu + 2)),
        c_p=real(1 / math.sqrt(n)),
        eps=real(preset.eps),
        init_scale=real(preset.init_scale),
        mean_from_x0=jnp.asarray(preset.mean_from_x0),
        paper=jnp.asarray(preset.paper),
        bound_mode=count(BOUND_MODES.index(preset.bound_mode)),
        budget=count(min(budget, INT_MAX)),
        target=fitness(target),
        horizon=count(min(budget, INT_MAX)),
        restart_above=count(restart_above),
        restart_spread=fitness(1e-6),
    )


def first_state(
    params: Params, sizes: tuple[int, int, int], midpoint: bool, fitness_dtype: Any
) -> State:
    """A state before any evaluation, without a start point. sizes: L, M and H."""
    num_offspring, num_parents, archive = sizes
    n, dtype = params.lower.size, params.lower.dtype
    centre = (params.lower + params.upper) / 2
    zeros = partial(jnp.zeros, dtype=dtype)
    infinity: Any = jnp.asarray(jnp.inf, fitness_dtype)
    return State(
        best_solution=jnp.full(n, jnp.nan, dtype),
        best_fitness=infinity,
        generation_counter=jnp.int32(0),
        mean=centre,
        x0=centre,
        has_x0=jnp.asarray(False),
        midpoint=centre,
        path=zeros(n),
        genotypes=zeros((num_offspring, n)),
        counted=jnp.zeros(num_offspring + midpoint, bool),
        parents=zeros((archive, num_parents, n)),
        num_parents=jnp.ones(archive, jnp.int32),
        shifts=zeros((archive, n)),
        paths=zeros((archive, n)),
        age=jnp.int32(0),
        evaluations=jnp.int32(0),
        restarts=jnp.int32(0),
        worst_fitness=-infinity,
        fresh=jnp.asarray(True),
        stopped=jnp.asarray(False),
    )
