"""Naive JAX: `vmap` of a plain Flax model over an equal-shape population, in a scan over steps."""

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .common import (
    Prepared,
    Round,
    Task,
    batch_starts,
    check_equal_shapes,
    limit_cores,
    pixels,
)
from .flax_model import init_state, make_model, optimiser_numbers, train_step


def prepare(task: Task) -> Prepared:
    """Trains all members in one compiled call; raises ConfigError unless their shapes agree."""
    check_equal_shapes(task.members)
    limit_cores(task.threads)
    model, size = make_model(task.members[0]), task.members[0]["batch_size"]
    rows = [optimiser_numbers(member) for member in task.members]
    numbers = {key: jnp.array([row[key] for row in rows]) for key in rows[0]}
    x, y = jnp.asarray(pixels(task.images)), jnp.asarray(task.labels)
    starts = jnp.array(batch_starts(len(task.images), size, task.steps))
    keys = jax.random.split(jax.random.key(0), len(task.members))
    init = jax.vmap(lambda n, key: init_state(model, n, key, x[:size]))
    state = jax.jit(init)(numbers, keys)

    def train(state, numbers, x, y, starts):
        def step(state, start):
            part_x = jax.lax.dynamic_slice_in_dim(x, start, size)
            part_y = jax.lax.dynamic_slice_in_dim(y, start, size)
            one = partial(train_step, model, x=part_x, y=part_y)
            return jax.vmap(lambda n, s: one(n, s))(numbers, state)

        return jax.lax.scan(step, state, starts)

    compiled = jax.jit(train, donate_argnums=0).lower(state, numbers, x, y, starts).compile()
    jax.block_until_ready((state, x, y))

    def run() -> Round:
        nonlocal state
        begin = time.perf_counter()
        state, losses = jax.block_until_ready(compiled(state, numbers, x, y, starts))
        return Round(time.perf_counter() - begin, tuple(np.asarray(losses[-1]).tolist()))

    return Prepared(run)
