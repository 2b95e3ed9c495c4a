"""The compiled functions of a population: they draw all weights, and train all members."""

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


def blank_state(bodies: tuple[NetShape, ...], choices: Choices, keys: Array) -> MemberState:
    """Returns zeros for one place's members; keys: the random keys of its rows."""
    rows = keys.shape[0]
    params, stats = longest_vectors(bodies)
    weights = jnp.zeros((rows, params))
    slots = tuple(jnp.zeros_like(weights) for _ in range(slots_of(choices)))
    return MemberState(weights, jnp.zeros((rows, stats)), slots, jnp.zeros(rows, jnp.int32))


def blank_metrics(choices: Choices, rows: int, images: int, outputs: int) -> Metrics:
    """Returns NaN for the metrics of one place's members; images: with those filling up batches."""
    metrics = {name: jnp.full(rows, jnp.nan) for name in metric_names(choices)}
    if choices.logits:
        metrics[LOGITS] = jnp.full((rows, images, outputs), jnp.nan)
    return metrics


def init_local(
    bodies: tuple[NetShape, ...],
    choices: Choices,
    hparams: TracedHparams,
    counts: Array,
    study_key: Array,
) -> MemberState:
    """Returns one place's members before training; counts [1, bodies]: see `train_local`."""
    state = blank_state(bodies, choices, hparams.key)
    for body, span in _spans(bodies, counts):
        state = init_body(body, choices, state, hparams, span, study_key)
    return state


def init_body(
    body: NetShape,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    span: Array,
    study_key: Array,
) -> MemberState:
    """Starts one place's members of a body; span: see `train_body`."""

    def row(r: Array, state: MemberState) -> MemberState:
        own = jax.tree.map(lambda t: t[r], hparams)
        return jax.tree.map(partial(_put, r), state, initial_state(body, choices, study_key, own))

    return lax.fori_loop(span[0], span[1], row, state)


def _spans(bodies: tuple[NetShape, ...], counts: Array) -> Iterator[tuple[NetShape, Array]]:
    """Yields each body with its span; see `train_body`."""
    stop = jnp.int32(0)
    for i, body in enumerate(bodies):
        start, stop = stop, stop + counts[0, i]
        yield body, jnp.stack([start, stop])


def train_local(
    bodies: tuple[NetShape, ...],
    choices: Choices,
    execution: Execution,
    state: MemberState,
    hparams: TracedHparams,
    counts: Array,
    given: EpochInput,
) -> Carry:
    """Trains all members of one place for one epoch.

    counts [1, bodies]: members of each body.
    """
    rows = hparams.key.shape[0]
    carry = state, blank_metrics(choices, rows, given.val_real.size, bodies[0].outputs)
    lanes = execution.of_bodies(len(bodies))
    for width, (body, span) in zip(lanes, _spans(bodies, counts), strict=True):
        carry = train_body(body, choices, width, carry, hparams, span, given)
    return carry


def train_body(
    body: NetShape,
    choices: Choices,
    lanes: int,
    carry: Carry,
    hparams: TracedHparams,
    span: Array,
    given: EpochInput,
) -> Carry:
    """Trains one place's members of a body for one epoch; the others stay as they are.

    span: int32 [2], the body's first row and its last row + 1. Spans are traced, so another mix of
    members needs no new program. lanes: rows that are trained side by side.
    """
    one = partial(member_epoch, body, choices, given=given)
    train = partial(_train_rows, one, body, hparams, span[1])
    if lanes == 1:
        return lax.fori_loop(span[0], span[1], train, carry)
    return _by_lanes(train, lanes, span[0], span[1], carry)


def _train_rows(
    one: Callable[[MemberState, TracedHparams], tuple[MemberState, Metrics]],
    body: NetShape,
    hparams: TracedHparams,
    stop: Array,
    row: Array,
    carry: Carry,
) -> Carry:
    """Trains one row (or several, side by side, for an array of rows) and puts the results back.

    stop: the body's last row + 1. Rows from there on are empty lanes. They compute what the last
    row does (a row of another body could be wider than this one), and their results are dropped.
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
    """Loops over groups of rows; results of lanes past the end are dropped."""

    def group(j: Array, carry: Carry) -> Carry:
        rows = start + j * lanes + jnp.arange(lanes)
        return train(jnp.where(rows < stop, rows, jnp.iinfo(jnp.int32).max), carry)

    return lax.fori_loop(0, (stop - start + lanes - 1) // lanes, group, carry)


def _put(row: Array, whole: Array, part: Array) -> Array:
    front = tuple(slice(size) for size in part.shape[row.ndim :])
    return whole.at[(row, *front)].set(part, mode="drop")
