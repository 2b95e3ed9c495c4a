"""Flax, exact shapes: one jitted train step per distinct shape, members in a Python loop."""

import time
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .common import Config, Timing, batch_starts, pixels
from .flax_model import init_state, make_model, optimiser_numbers, train_step

_init = partial(jax.jit, static_argnums=0)(init_state)


@partial(jax.jit, static_argnums=(0, 5), donate_argnums=2)
def _step(model, numbers, state, data, start, size):
    x, y = (jax.lax.dynamic_slice_in_dim(part, start, size) for part in data)
    return train_step(model, numbers, state, x, y)


def _train(model, numbers, state, data, member: Config, steps: int):
    size, loss = member["batch_size"], None
    for start in batch_starts(len(data[0]), size, steps):
        state, loss = _step(model, numbers, state, data, start, size)
    return jax.block_until_ready((state, loss))


def run(members: Sequence[Config], images: np.ndarray, labels: np.ndarray, *, steps: int) -> Timing:
    """Trains the members in turn, one dispatch per step."""
    begin = time.perf_counter()
    data = jnp.asarray(pixels(images)), jnp.asarray(labels)
    jobs = []
    for k, member in enumerate(members):
        model, numbers = make_model(member), optimiser_numbers(member)
        state = _init(model, numbers, jax.random.key(k), data[0][: member["batch_size"]])
        state, _ = _train(model, numbers, state, data, member, 1)
        jobs.append((model, numbers, state, member))
    ready = time.perf_counter()
    losses = [_train(m, n, state, data, member, steps)[1] for m, n, state, member in jobs]
    return Timing(time.perf_counter() - ready, ready - begin, tuple(map(float, losses)))
