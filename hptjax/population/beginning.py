"""The weights before training, which one small program draws for the members of all bodies.

A program for each body (`program.init_body`) takes a third as long to compile as the training of
the body. Here the host lays out how each number of a network starts, and one program draws.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.models.choices import Choices
from hptjax.models.keys import init_key
from hptjax.models.layers.base import Layer
from hptjax.models.signature import NetShape
from hptjax.models.weights import laid_out, layouts
from hptjax.population.epoch import MemberState, TracedHparams
from hptjax.population.update import start

MOST_NUMBERS = 1 << 20  # in a body: laying out more numbers would cost more time than it saves


class Beginning(NamedTuple):
    """How the numbers of one member start, as vectors as long as those of the program, [N] and [S].

    draws: the index of the draw of each number, from 1 on; 0: the number is fill, not drawn.
    fan_in: of the numbers that are drawn. stats: the running statistics.
    """

    draws: np.ndarray
    fan_in: np.ndarray
    fill: np.ndarray
    stats: np.ndarray


def is_drawn(body: NetShape) -> bool:
    """Tells whether `begin_row` draws the weights of a body; else the body has its own program."""
    own = any(type(placed.layer).initial is not Layer.initial for placed in body.layers)
    return not own and layouts(body)[0].size <= MOST_NUMBERS


def beginning(true: NetShape, padded: NetShape, params: int, stats: int) -> Beginning:
    """Returns the beginning of a member of shape `true`; params, stats: lengths of the vectors."""
    exact, running = layouts(true)
    draws = np.zeros(exact.size, np.int32)
    fan_in, fill = np.zeros(exact.size, np.float32), np.zeros(exact.size, np.float32)
    for first, weight in exact.places.values():
        own = slice(first, first + weight.size)
        if weight.fan_in is None:
            fill[own] = weight.fill
        else:
            draws[own] = np.arange(own.start + 1, own.stop + 1)
            fan_in[own] = weight.fan_in
    kept = np.zeros(running.size, np.float32)
    for first, weight in running.places.values():
        kept[first : first + weight.size] = weight.fill
    weights, statistics = layouts(padded)
    return Beginning(
        _padded(laid_out(draws, exact, weights), params),
        _padded(laid_out(fan_in, exact, weights), params),
        _padded(laid_out(fill, exact, weights), params),
        _padded(laid_out(kept, running, statistics), stats),
    )


def _padded(vector: np.ndarray, size: int) -> np.ndarray:
    return np.pad(vector, (0, size - vector.size))


def begin_row(
    choices: Choices,
    state: MemberState,
    row: Array,
    hparams: TracedHparams,
    given: Beginning,
    study_key: Array,
) -> MemberState:
    """Starts one row of a place's rows; the weights have the bits of `epoch.initial_state`."""
    own = jax.tree.map(lambda t: t[row], hparams)
    draws = jax.random.uniform(init_key(study_key, own.key), given.draws.shape)
    bound = lax.rsqrt(given.fan_in)
    drawn = draws[jnp.maximum(given.draws - 1, 0)] * (2 * bound) - bound
    params = jnp.where(given.draws > 0, drawn, given.fill)
    slots = start(choices, params, own.numbers)
    new = MemberState(params, jnp.asarray(given.stats), slots, jnp.zeros((), jnp.int32))
    return jax.tree.map(lambda whole, part: whole.at[row].set(part), state, new)
