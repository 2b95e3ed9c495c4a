"""The compiled functions of a population: initialise all members, and train all of them for one
epoch.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.models.flat import layouts
from hptjax.models.forward import Knobs
from hptjax.models.init import draw
from hptjax.models.keys import init_key
from hptjax.models.signature import Body
from hptjax.population.plan import Plan
from hptjax.training import adam
from hptjax.training.epoch import Images, MemberState, Metrics, member_epoch


def init_population(
    study: Array, trials: Array, index: Array, bounds: Array, fills: Array, stats: Array
) -> MemberState:
    """Draws all weights: trials [rows]; index, bounds, fills [rows, N]; stats [rows, S]."""
    keys = jax.vmap(init_key, in_axes=(None, 0))(study, trials)
    params = jax.vmap(draw)(keys, index, bounds, fills)
    return MemberState(params, stats, jax.vmap(adam.start)(params))


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
    one = partial(member_epoch, body, block, data=data, study=study, epoch=epoch)
    pick = partial(jax.tree.map, lambda t: t.at[row].get(mode="clip"))
    train = one if row.ndim == 0 else jax.vmap(lambda s, k: one(s, k))
    old = _cut(body, pick(state))
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


def _cut(body: Body, state: MemberState) -> MemberState:
    """The front of the stored vectors, as long as a body needs."""
    params, stats = (layout.size for layout in layouts(body))
    moments = (state.optimiser.first[..., :params], state.optimiser.second[..., :params])
    optimiser = adam.AdamState(*moments, state.optimiser.count)
    return MemberState(state.params[..., :params], state.stats[..., :stats], optimiser)


def _put(row: Array, whole: Array, part: Array) -> Array:
    front = tuple(slice(size) for size in part.shape[row.ndim :])
    return whole.at[(row, *front)].set(part, mode="drop")
