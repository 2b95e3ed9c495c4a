"""The compiled functions of a population: initialise all members, and train all of them for one
epoch.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.models.forward import Knobs
from hptjax.models.init import initial_padded
from hptjax.models.keys import init_key
from hptjax.models.shapes import statistics, weights
from hptjax.models.signature import Body
from hptjax.population.pack import storage
from hptjax.population.plan import Plan
from hptjax.training import adam
from hptjax.training.epoch import Images, MemberState, Metrics, member_epoch

Shape = tuple[int, ...]


def init_population(plan: Plan, study: Array, trials: Array, true, bounds, fills) -> MemberState:
    """Draws all members' weights, padded: trials [rows], true {name: [rows, rank]}, bounds {name:
    [rows]}.
    """
    params_shapes, stats_shapes = storage(plan)

    def member(trial: Array, true, bounds) -> MemberState:
        key = init_key(study, trial)
        draw = partial(initial_padded, true=true, bounds=bounds, fills=fills, key=key)
        params = draw(params_shapes)
        return MemberState(params, draw(stats_shapes), adam.start(params))

    return jax.vmap(member)(trials, true, bounds)


def train_local(
    plan: Plan,
    blocks: tuple[int, ...],
    chunk: int | None,
    state: MemberState,
    knobs: Knobs,
    counts: Array,
    data: Images,
    study: Array,
    epoch: Array,
) -> tuple[MemberState, Metrics]:
    """One device's members through one epoch: each body loops over its own rows, however many there
    are.

    counts [1, bodies]: the trip counts are traced, so another mix of members needs no new program.
    chunk: members trained side by side by vmap (accelerators), or None: one after another (CPU,
    where a member's weights and patches then stay in the core's cache).
    """
    rows = knobs.lr.shape[0]
    metrics = Metrics(*(jnp.full(rows, jnp.nan) for _ in Metrics._fields))
    start = jnp.int32(0)
    for i, (body, block) in enumerate(zip(plan.bodies, blocks, strict=True)):
        stop = start + counts[0, i]
        train = partial(_train_rows, body, block, data, study, epoch, knobs)
        if chunk is None:
            state, metrics = lax.fori_loop(start, stop, train, (state, metrics))
        else:
            state, metrics = _chunked(train, min(chunk, rows), start, stop, (state, metrics))
        start = stop
    return state, metrics


def _train_rows(
    body: Body, block: int, data: Images, study: Array, epoch: Array, knobs: Knobs, row, carry
):
    """Trains one row (or, for an array of rows, several side by side) and puts the results back."""
    state, metrics = carry
    one = partial(member_epoch, body.signature, block, data=data, study=study, epoch=epoch)
    pick = partial(jax.tree.map, lambda t: t.at[row].get(mode="clip"))
    train = one if row.ndim == 0 else jax.vmap(lambda s, k: one(s, k))
    old = _cut(body, pick(state), row.ndim)
    new, values = train(old, pick(knobs))
    state = jax.tree.map(partial(_put, row), state, new)
    metrics = jax.tree.map(lambda t, v: t.at[row].set(v, mode="drop"), metrics, values)
    return state, metrics


def _chunked(train: Callable, chunk: int, start: Array, stop: Array, carry):
    """Loops over chunks of rows; places past the end point outside, and are dropped."""

    def body(j: Array, carry):
        rows = start + j * chunk + jnp.arange(chunk)
        return train(jnp.where(rows < stop, rows, jnp.iinfo(jnp.int32).max), carry)

    return lax.fori_loop(0, (stop - start + chunk - 1) // chunk, body, carry)


def _cut(body: Body, state: MemberState, lead: int) -> MemberState:
    """The corner of the stored arrays that a body uses; lead: leading member axes."""
    shapes = weights(body.signature, body.widths)
    running = statistics(body.signature, body.widths)

    def cut(tree: dict[str, Array], names) -> dict[str, Array]:
        whole = (slice(None),) * lead
        return {n: tree[n][(*whole, *(slice(size) for size in w.shape))] for n, w in names.items()}

    moments = (cut(m, shapes) for m in (state.optimiser.first, state.optimiser.second))
    optimiser = adam.AdamState(*moments, state.optimiser.count)
    return MemberState(cut(state.params, shapes), cut(state.stats, running), optimiser)


def _put(row: Array, whole: Array, part: Array) -> Array:
    corner = tuple(slice(size) for size in part.shape[row.ndim :])
    return whole.at[(row, *corner)].set(part, mode="drop")
