"""The compiled functions of a population: draw all weights, train all members for one epoch."""

from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.models.choices import Choices
from hptjax.models.signature import NetShape
from hptjax.models.weights import longest_vectors
from hptjax.population.epoch import (
    MemberState,
    Metrics,
    TracedHparams,
    initial_state,
    member_epoch,
)
from hptjax.population.execution import Execution
from hptjax.population.images import EpochInput
from hptjax.population.logits import LOGITS
from hptjax.population.measuring import metric_names
from hptjax.population.update import slots_of

Carry = tuple[MemberState, Metrics]


def init_local(
    bodies: tuple[NetShape, ...],
    choices: Choices,
    hparams: TracedHparams,
    counts: Array,
    study_key: Array,
) -> MemberState:
    """One place's members before training; counts [1, bodies], as for `train_local`."""
    rows = hparams.key.shape[0]
    params, stats = longest_vectors(bodies)
    weights = jnp.zeros((rows, params))
    slots = tuple(jnp.zeros_like(weights) for _ in range(slots_of(choices)))
    state = MemberState(weights, jnp.zeros((rows, stats)), slots, jnp.zeros(rows, jnp.int32))
    for body, start, stop in _spans(bodies, counts):

        def row(r: Array, state: MemberState, body: NetShape = body) -> MemberState:
            own = jax.tree.map(lambda t: t[r], hparams)
            return jax.tree.map(
                partial(_put, r), state, initial_state(body, choices, study_key, own)
            )

        state = lax.fori_loop(start, stop, row, state)
    return state


def _spans(bodies: tuple[NetShape, ...], counts: Array) -> Iterator[tuple[NetShape, Array, Array]]:
    """Each body with its first row and the one after its last."""
    start = jnp.int32(0)
    for i, body in enumerate(bodies):
        stop = start + counts[0, i]
        yield body, start, stop
        start = stop


def train_local(
    bodies: tuple[NetShape, ...],
    choices: Choices,
    execution: Execution,
    state: MemberState,
    hparams: TracedHparams,
    counts: Array,
    given: EpochInput,
) -> Carry:
    """One place's members through one epoch: each body loops over however many rows it has.

    counts [1, bodies]: the trip counts are traced, so another mix of members needs no new program.
    """
    rows = hparams.key.shape[0]
    metrics = {name: jnp.full(rows, jnp.nan) for name in metric_names(choices)}
    if choices.logits:
        shape = rows, given.val_real.size, bodies[0].outputs
        metrics[LOGITS] = jnp.full(shape, jnp.nan)
    carry = state, metrics
    lanes = execution.lanes or (1,) * len(bodies)
    for width, (body, start, stop) in zip(lanes, _spans(bodies, counts), strict=True):
        one = partial(member_epoch, body, choices, given=given)
        train = partial(_train_rows, one, body, hparams, stop)
        if width == 1:
            carry = lax.fori_loop(start, stop, train, carry)
        else:
            carry = _by_lanes(train, width, start, stop, carry)
    return carry


def _train_rows(
    one: Callable[[MemberState, TracedHparams], tuple[MemberState, Metrics]],
    body: NetShape,
    hparams: TracedHparams,
    stop: Array,
    row: Array,
    carry: Carry,
) -> Carry:
    """Trains one row (or, for an array of rows, several side by side) and puts the results back.

    stop: the row after the body's last. Rows from there on are empty lanes: they compute what the
    last row does (a row of another body could be wider than this one), and are dropped.
    """
    state, metrics = carry
    source = row if row.ndim == 0 else jnp.minimum(row, stop - 1)
    pick = partial(jax.tree.map, lambda t: t.at[source].get(mode="clip"))
    train = one if row.ndim == 0 else jax.vmap(one)
    new, values = train(pick(state).front(body), pick(hparams))
    state = jax.tree.map(partial(_put, row), state, new)
    metrics = jax.tree.map(lambda t, v: t.at[row].set(v, mode="drop"), metrics, values)
    return state, metrics


def _by_lanes(train: Callable, lanes: int, start: Array, stop: Array, carry: Carry) -> Carry:
    """Loops over groups of rows; lanes past the end point outside, and are dropped."""

    def group(j: Array, carry: Carry) -> Carry:
        rows = start + j * lanes + jnp.arange(lanes)
        return train(jnp.where(rows < stop, rows, jnp.iinfo(jnp.int32).max), carry)

    return lax.fori_loop(0, (stop - start + lanes - 1) // lanes, group, carry)


def _put(row: Array, whole: Array, part: Array) -> Array:
    front = tuple(slice(size) for size in part.shape[row.ndim :])
    return whole.at[(row, *front)].set(part, mode="drop")
