"""Flax, exact shapes: one jitted train step per distinct shape, members in a Python loop."""

import time
from functools import partial

import jax
import jax.numpy as jnp

from .common import Config, Prepared, Round, Task, batch_starts, limit_cores, pixels
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


def prepare(task: Task) -> Prepared:
    """Trains the members in turn, one dispatch per step."""
    limit_cores(task.threads)
    data = jnp.asarray(pixels(task.images)), jnp.asarray(task.labels)
    jobs = []
    for k, member in enumerate(task.members):
        model, numbers = make_model(member), optimiser_numbers(member)
        state = _init(model, numbers, jax.random.key(k), data[0][: member["batch_size"]])
        state, _ = _train(model, numbers, state, data, member, 1)
        jobs.append((model, numbers, state, member))

    def run() -> Round:
        begin, losses = time.perf_counter(), []
        for k, (model, numbers, state, member) in enumerate(jobs):
            state, loss = _train(model, numbers, state, data, member, task.steps)
            jobs[k] = (model, numbers, state, member)
            losses.append(loss)
        return Round(time.perf_counter() - begin, tuple(map(float, losses)))

    return Prepared(run)
