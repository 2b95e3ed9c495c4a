"""What a DES run carries between calls, and its constants; the letters are those of `algorithm`."""

import math

import jax
import jax.numpy as jnp
from evosax.algorithms.distribution_based import base
from evosax.types import Fitness, Metrics, Population
from flax import struct

from hptjax.des.presets import BOUND_MODES

LAMARCKIAN, PENALTY, DEATH = range(len(BOUND_MODES))
INT_MAX = 2**31 - 1


@struct.dataclass
class State(base.State):
    """What DES carries between calls; n dims, L offspring, M parents, H archive slots."""

    x0: jax.Array  # [n] start point, the centre of the box if none was given
    has_x0: jax.Array
    midpoint: jax.Array  # [n] c of (8)
    path: jax.Array  # [n] p of (4)
    genotypes: jax.Array  # [L, n] X, out of the box where the bound mode keeps raw points
    counted: jax.Array  # [population_size] rows of this batch that are evaluations
    parents: jax.Array  # [H, M, n] A of (5), centred so that float32 keeps its digits
    num_parents: jax.Array  # [H] how many of the M are not failures
    shifts: jax.Array  # [H, n] D of (5)
    paths: jax.Array  # [H, n] Q of (5)
    age: jax.Array  # t
    evaluations: jax.Array
    restarts: jax.Array
    worst_fitness: jax.Array  # worst finite feasible value so far, for the penalty
    fresh: jax.Array  # the next population is a first one
    stopped: jax.Array  # budget or target reached: further tells change nothing


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
    restart_above: jax.Array  # restarts happen only when the budget is larger than this
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
