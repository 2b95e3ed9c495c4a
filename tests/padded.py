"""A member trained for a few steps in a body of any widths: padding must change nothing."""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.models.chain import chain_of
from hptjax.models.choices import Choices
from hptjax.models.signature import NetShape, Widths, map_axes
from hptjax.models.weights import exact_arrays, gathered, initial_statistics, initial_weights
from hptjax.ops import native, stored
from hptjax.population import Member, make_plan
from hptjax.population.epoch import MemberState, train_step
from hptjax.population.images import to_maps
from hptjax.population.pack import place, traced_hparams
from hptjax.population.update import start
from tests.nets import images

DATA = images(64)


@cache
def start_of(body: NetShape, exact: NetShape, choices: Choices):
    """What gives the state before the first step: one program, not one for each operation."""

    def begin(numbers):
        params, stats = (
            initial(jax.random.key(7), body, exact.layers)
            for initial in (initial_weights, initial_statistics)
        )
        return MemberState(params, stats, start(choices, params, numbers), jnp.int32(0))

    return jax.jit(begin)


@cache
def step_of(body: NetShape, choices: Choices, kernels: bool):
    """Compiled once for each body: the traced hparams need no other program."""
    options = stored.compiler_options(body.signature.precision)
    jitted = jax.jit(lambda *args: train_step(body, choices, *args)[0], compiler_options=options)

    def step(*args):
        with nullcontext() if kernels else native.left_out():
            return jitted(*args)

    return step


def after(
    member: Member, body: NetShape, steps: int, *, choices=None, kernels: bool = True
) -> tuple[dict, dict]:
    """The member's weights and its first slot, at its exact shape, trained in this body.

    choices: of the program, by default what the member needs. kernels: whether the CPU's are used.
    """
    plan = make_plan([member.config])
    plan = replace(plan, choices=choices or plan.choices)
    packed = traced_hparams(plan, [member], place(plan, [member], 1), 1)
    hparams = jax.tree.map(lambda t: jnp.asarray(t[0]), packed)
    state = start_of(body, member.shape, plan.choices)(hparams.numbers)
    batch = member.config.batch_size
    for i in range(steps):
        rows = np.arange(i * batch, (i + 1) * batch) % DATA.size
        flat = jnp.asarray(DATA.images[rows].transpose(0, 3, 1, 2).reshape(batch, -1))
        x = to_maps(flat, body.signature.image)
        key = jax.random.fold_in(jax.random.key(1), i)
        labels = jnp.asarray(DATA.labels[rows])
        state = step_of(body, plan.choices, kernels)(state, hparams, x, labels, key, 1.0)
    vectors = np.asarray(state.params), np.asarray(state.slots[0])
    weights, moments = (exact_arrays(member.shape, body, v, state.stats) for v in vectors)
    incoming, chain = body.signature.incoming, chain_of(member.config)
    own = gathered("weights", incoming, chain) | gathered("statistics", incoming, chain)
    own_weights, own_moments = ({name: a[name] for name in own} for a in (weights, moments))
    return own_weights, own_moments


def wider(body: NetShape) -> NetShape:
    """A body of more channels and units everywhere but in the head."""
    maps = map_axes(body.signature)
    *widths, outputs = body.widths.values
    more = (n + (3 if k in maps else 5) for k, n in enumerate(widths))
    return NetShape(body.signature, Widths((*more, outputs)))
