"""DES, the Differential Evolution Strategy, as an evosax algorithm.

J. Arabas, D. Jagodzinski: Toward a Matrix-Free Covariance Matrix Adaptation Evolution Strategy.
IEEE Transactions on Evolutionary Computation 24(1):84-98, 2020, doi 10.1109/TEVC.2019.2907266.
(The "DES" of evosax's own registry is another algorithm, Discovered ES.)

One generation; <.> is the mean, t counts selections since the last restart, s = (t - 1) mod H:

  (1)  S      <- the mu best of X, stable order, failed rows last and never bred
  (2)  m'     <- sum_i w_i S_i,   step <- m' - m
  (3)  Delta  <- m' - sum_i v_i X_i with log weights v in storage order   [paper: step]
  (4)  p      <- (1 - c_p) p + sqrt(mu c_p (2 - c_p)) step,   p = 0 before it whenever s = 0
                 [paper: no such resets, p <- step in the first generation]
  (5)  slot s of the archive <- S - m', Delta, p;   m <- m';   K <- min(t, H)
  (6)  x_k    <- m + sqrt(c_d) ((A[h1, i] - A[h1, j]) / sqrt(2) + a D[h2])
                   + sqrt(1 - c_d) b Q[h3] + eps max(0, 1 - 2/n^2)^(t/2) z
                 h1, h2 = h1, h3 ~ U{0..K-1} [paper: h2 independent], i, j ~ U{1..mu},
                 a, b ~ N(0, 1) scalars, z ~ N(0, I), all independent for each k
  (7)  repair; best-so-far counts every finite evaluation
  (8)  c      <- 0.8 c + 0.2 m, its repair is evaluated as one row more
  (9)  stop on budget or target; restart when max F - min F < 1e-6
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from evosax.algorithms.distribution_based import base
from evosax.core.fitness_shaping import identity_fitness_shaping_fn
from evosax.types import Fitness, Metrics, Population, Solution

from hptjax.des.bounds import bounce_back, check_box, finite_or_far, outside
from hptjax.des.draws import Draws, draw
from hptjax.des.presets import Preset, get_preset
from hptjax.des.state import (
    DEATH,
    LAMARCKIAN,
    PENALTY,
    Params,
    State,
    default_params,
    first_state,
    memory_sizes,
    metrics_fn,
)
from hptjax.errors import ConfigError


class DES(base.DistributionBasedAlgorithm):
    """Differential Evolution Strategy (Arabas & Jagodzinski 2020), minimising over a box.

    population_size: rows that `ask` returns: L offspring and, with `midpoint`, one more row; None
    means L = 4n. solution: a pytree with the structure and dtype of a point. preset: a name in
    PRESETS. bounds: (lower, upper), scalars or [n]. budget: evaluations, None means 10000 n.
    parents, archive: M and H, if not the defaults. Raises: ConfigError for unusable values.
    """

    def __init__(
        self,
        population_size: int | None,
        solution: Solution,
        fitness_shaping_fn: Callable = identity_fitness_shaping_fn,
        metrics_fn: Callable = metrics_fn,
        *,
        preset: str | Preset = "release",
        bounds: tuple[Any, Any] = (0.0, 1.0),
        budget: int | None = None,
        target: float = -math.inf,
        midpoint: bool = True,
        parents: int | None = None,
        archive: int | None = None,
    ) -> None:
        dims = sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(solution))
        rows = 4 * dims + midpoint if population_size is None else population_size
        if dims < 1 or rows - midpoint < 2:
            raise ConfigError(
                "DES needs at least one dimension and two offspring (population_size >= "
                f"{2 + midpoint}); got {dims} dimensions and population_size={rows}."
            )
        super().__init__(rows, solution, fitness_shaping_fn, metrics_fn)
        if not jnp.issubdtype(self.solution_flat.dtype, jnp.floating):
            raise ConfigError(f"DES needs float solutions; got {self.solution_flat.dtype}.")
        self.dtype = self.solution_flat.dtype
        self.fitness_dtype = jnp.promote_types(self.dtype, jnp.float32)
        self.has_midpoint = bool(midpoint)
        self.num_offspring = rows - midpoint
        self.num_parents, self.archive_size = memory_sizes(
            self.num_offspring, dims, parents, archive
        )
        self.preset = get_preset(preset)
        self.bounds = check_box(*bounds, dims)
        self.budget = 10_000 * dims if budget is None else budget
        self.target = target

    def _static(self) -> tuple:
        leaves, tree = jax.tree.flatten(self.solution)
        shapes = tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        sizes = (self.population_size, self.num_parents, self.archive_size, self.has_midpoint)
        return (type(self), sizes, tree, shapes, self.fitness_shaping_fn, self.metrics_fn)

    def __hash__(self) -> int:
        return hash(self._static())

    def __eq__(self, other: object) -> bool:
        """Equal algorithms share their compiled init, ask and tell."""
        return isinstance(other, DES) and self._static() == other._static()

    @property
    def _default_params(self) -> Params:
        return default_params(
            self.preset,
            (self.population_size, self.num_offspring, self.num_parents),
            self.bounds,
            budget=self.budget,
            target=self.target,
            dtypes=(self.dtype, self.fitness_dtype),
        )

    @partial(jax.jit, static_argnames=("self",))
    def init(self, key: jax.Array, mean: Solution | None = None, params: Any = None) -> State:
        """Returns a state whose first `ask` draws the first population; mean: start x0, or None."""
        params = self._default_params if params is None else params
        state = self._init(key, params)
        if mean is None:
            return state
        x0 = self._ravel_solution(mean).astype(self.dtype)
        x0 = bounce_back(finite_or_far(x0, params.lower, params.upper), params.lower, params.upper)
        return state.replace(x0=x0, mean=x0, has_x0=jnp.asarray(True))

    def _init(self, key: jax.Array, params: Params) -> State:
        del key  # the first ask draws the first population
        sizes = (self.num_offspring, self.num_parents, self.archive_size)
        return first_state(params, sizes, self.has_midpoint, self.fitness_dtype)

    def draw(self, key: jax.Array, state: State) -> Draws:
        """Returns all random numbers that `ask` takes from this key."""
        return draw(key, state)

    def _first_population(self, draws: Draws, state: State, params: Params) -> jax.Array:
        centre, half = (params.lower + params.upper) / 2, (params.upper - params.lower) / 2
        population = centre + params.init_scale * half * draws.uniform
        use_x0 = state.has_x0 & ~params.mean_from_x0 & (state.evaluations == 0)
        is_x0 = use_x0 & (jnp.arange(self.num_offspring) == 0)
        return jnp.where(is_x0[:, None], state.x0, population)

    def _offspring(self, draws: Draws, state: State, params: Params) -> jax.Array:
        mu, n = self.num_parents, self.num_dims
        rows = state.parents.reshape(-1, n)
        difference = _rows(rows, draws.h1 * mu + draws.i) - _rows(rows, draws.h1 * mu + draws.j)
        shift = _rows(state.shifts, jnp.where(params.paper, draws.h2, draws.h1))
        path = _rows(state.paths, draws.h3)
        decay = max(0.0, 1 - 2 / n**2) ** (state.age.astype(self.dtype) / 2)
        return (
            state.mean
            + jnp.sqrt(params.c_d) * (difference / math.sqrt(2) + draws.a * shift)
            + jnp.sqrt(1 - params.c_d) * draws.b * path
            + params.eps * decay * draws.z
        )  # (6)

    def _ask(self, key: jax.Array, state: State, params: Params) -> tuple[Population, State]:
        draws, fresh = self.draw(key, state), state.fresh
        first = self._first_population(draws, state, params)
        raw = jnp.where(fresh, first, self._offspring(draws, state, params))
        raw = finite_or_far(raw.astype(self.dtype), params.lower, params.upper)
        repaired = bounce_back(raw, params.lower, params.upper)  # (7)
        lamarckian = params.bound_mode == LAMARCKIAN
        feasible = lamarckian | (raw == repaired).all(-1)

        centre = (params.lower + params.upper) / 2
        midpoint = jnp.where(fresh, centre, 0.8 * state.midpoint + 0.2 * state.mean)  # (8)
        first_mean = jnp.where(params.mean_from_x0, state.x0, raw.mean(0))
        rows = repaired
        if self.has_midpoint:
            extra = bounce_back(midpoint, params.lower, params.upper)
            rows = jnp.concatenate([repaired, extra[None]])
            feasible = jnp.concatenate([feasible, jnp.ones(1, bool)])
        left = params.budget - state.evaluations
        return rows, state.replace(
            mean=jnp.where(fresh, first_mean, state.mean),
            midpoint=midpoint,
            genotypes=jnp.where(lamarckian, repaired, raw),
            counted=feasible & (jnp.cumsum(feasible) <= left) & ~state.stopped,
        )

    @partial(jax.jit, static_argnames=("self",))
    def tell(
        self,
        key: jax.Array,
        population: Population,
        fitness: Fitness,
        state: State,
        params: Params,
    ) -> tuple[State, Metrics]:
        """Counts, records the best, selects and archives; NaN and infinite fitness mean failed.

        population: the rows of the last `ask`; fitness: [population_size]. Rows that
        `state.counted` leaves out (infeasible, past the budget) need no evaluation: their fitness
        is not read.
        """
        rows = jax.vmap(self._ravel_solution)(population).astype(self.dtype)
        fitness = jnp.asarray(fitness).astype(self.fitness_dtype)
        valid = state.counted & jnp.isfinite(fitness)
        fitness = jnp.where(valid, fitness, jnp.inf)

        best = jnp.argmin(fitness)
        better = fitness[best] < state.best_fitness
        worst = jnp.max(jnp.where(valid, fitness, -jnp.inf))
        new = state.replace(
            best_solution=jnp.where(better, rows[best], state.best_solution),
            best_fitness=jnp.where(better, fitness[best], state.best_fitness),
            worst_fitness=jnp.maximum(state.worst_fitness, worst),
            evaluations=state.evaluations + state.counted.sum(dtype=jnp.int32),
        )
        metrics = self.metrics_fn(key, rows, fitness, new, params)
        shaped = self.fitness_shaping_fn(rows, fitness, new, params)
        new = self._tell(key, rows, shaped, new, params)
        running = (~state.stopped).astype(jnp.int32)
        return new.replace(generation_counter=state.generation_counter + running), metrics

    def _tell(
        self,
        key: jax.Array,
        population: Population,
        fitness: Fitness,
        state: State,
        params: Params,
    ) -> State:
        del key  # selection is deterministic
        size = self.num_offspring  # the midpoint row, after these, never breeds
        lamarckian = params.bound_mode == LAMARCKIAN
        # A counted row breeds as it was told: it may differ from the row that ask returned.
        taken = lamarckian | state.counted[:size, None]
        x = jnp.where(taken, population[:size], state.genotypes)
        infeasible = (x != population[:size]).any(-1)
        penalty = outside(state.genotypes, population[:size], state.worst_fitness)
        penalised = (params.bound_mode == PENALTY) & infeasible
        fitness = jnp.where(penalised, penalty, fitness[:size])
        alive = jnp.isfinite(fitness).any() & ~state.stopped
        restart = alive & self._converged(fitness, infeasible, state, params)
        updated = self._select(x, fitness, alive & ~restart, state, params)
        done = (state.evaluations >= params.budget) | (state.best_fitness <= params.target)
        return updated.replace(
            age=jnp.where(restart, 0, updated.age),
            fresh=restart | (state.fresh & ~alive),
            restarts=state.restarts + restart.astype(jnp.int32),
            stopped=state.stopped | done,
        )

    def _converged(
        self, fitness: jax.Array, infeasible: jax.Array, state: State, params: Params
    ) -> jax.Array:
        # Death leaves rows unevaluated. If they were part of the spread, a run at an optimum on the
        # bound, where some row is always outside, could not restart until its steps underflow.
        compared = ~(infeasible & (params.bound_mode == DEATH))
        highest = jnp.max(jnp.where(compared, fitness, -jnp.inf))
        spread = highest - fitness.min()  # (9): inf or NaN with a failed row
        early = state.evaluations < 0.8 * params.horizon
        allowed = (params.horizon > params.restart_above) & (compared.sum() > 1)
        return (spread < params.restart_spread) & early & allowed & (state.age > 0)

    def _select(
        self, x: jax.Array, fitness: jax.Array, keep: jax.Array, state: State, params: Params
    ) -> State:
        mu, dot = self.num_parents, partial(jnp.matmul, precision="highest")
        order = best_first(fitness)[:mu]  # (1)
        usable = jnp.isfinite(_rows(fitness, order))
        count = jnp.maximum(usable.sum(dtype=jnp.int32), 1)
        weights = jnp.where(usable, params.weights, 0)
        weights = weights / jnp.maximum(weights.sum(), jnp.finfo(self.dtype).tiny)

        centred = x - state.mean
        parents = _rows(centred, order)
        step = dot(weights, parents)  # (2): m' - m
        shift = step - dot(params.population_weights, centred)  # (3)
        shift = jnp.where(params.paper, step, shift)
        slot = state.age % self.archive_size
        path = jnp.where(~params.paper & (slot == 0), 0, state.path)
        gain = jnp.sqrt(mu * params.c_p * (2 - params.c_p))
        path = (1 - params.c_p) * path + gain * step  # (4)
        path = jnp.where(params.paper & (state.age == 0), step, path)

        def archived(old: jax.Array, new: jax.Array) -> jax.Array:
            return old.at[slot].set(jnp.where(keep, new, old[slot]))

        return state.replace(
            mean=jnp.where(keep, state.mean + step, state.mean),
            path=jnp.where(keep, path, state.path),
            parents=archived(state.parents, parents - step),  # (5)
            num_parents=archived(state.num_parents, count),
            shifts=archived(state.shifts, shift),
            paths=archived(state.paths, path),
            age=state.age + keep.astype(jnp.int32),
        )


def best_first(fitness: jax.Array) -> jax.Array:
    """Returns the order of fitness [L], lowest first; ties keep their order.

    On a CPU, comparing all pairs of a small population takes less time than sorting.
    """
    size = fitness.shape[0]
    if size > 256:
        return jax.lax.top_k(jnp.where(fitness == 0, 0, -fitness), size)[1]  # -0 ties with 0
    index = jnp.arange(size, dtype=jnp.int32)
    other = fitness[:, None]
    before = (other < fitness) | ((other == fitness) & (index[:, None] < index))
    rank = before.sum(0, dtype=jnp.int32)
    return jnp.zeros_like(index).at[rank].set(index, mode="promise_in_bounds", unique_indices=True)


def _rows(array: jax.Array, index: jax.Array) -> jax.Array:
    return array.at[index].get(mode="promise_in_bounds")
