"""One step, padded against narrow, to float rounding: for every kind of hparam, by itself.

The narrow program holds what its member needs, the padded one all that the members here can have.
"""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.models.choices import LayerChoices, choices_of
from hptjax.models.signature import Body, Widths, exact_body
from hptjax.models.weights import exact_arrays, initial_statistics, initial_weights
from hptjax.population import Member, make_plan, optimiser
from hptjax.population.epoch import MemberState, train_step
from hptjax.population.images import to_maps
from hptjax.population.pack import place, traced_hparams
from tests.nets import config, images

DATA = images(64)
ONE = {"channels": (4,), "kernels": (3,), "strides": (2,)}  # a single block compiles faster
KINDS = {
    "lr": {"lr": 0.02},
    "weight_decay": {"weight_decay": 0.3},
    "beta_1": {"betas": (0.5, 0.999)},
    "beta_2": {"betas": (0.9, 0.9)},
    "mlp_af none": {"activation": "none"},
    "mlp_af tanh": {"activation": "tanh"},
    "mlp_af sigmoid": {"activation": "sigmoid"},
    "mlp_af logsoftmax": {"activation": "logsoftmax"},
    "mlp_bn": {"batch_norm": False},
    "mlp_do": {"dropout": 0.4},
    "batch_size, first_conv": {**ONE, "batch_size": 24, "first": (3, 5, 2, "same")},
    "resnet_kernel_size, resnet_stride": {**ONE, "kernels": (5,), "strides": (3,)},
    "even kernel, stride 1, no pool": {**ONE, "kernels": (2,), "strides": (1,), "pool": 1},
    "resnet_out_channels, mlp_out": {**ONE, "channels": (3,), "units": 3},
}
RUNNING = (".mean", ".var")
FAST = {"xla_backend_optimization_level": 0}  # half the compile time; the sums are the same


ANY = choices_of(config(**kind) for kind in KINDS.values())


@cache
def step_of(body: Body, choices: tuple[LayerChoices, ...]):
    """Compiled once for each body: the traced hparams need no other program."""
    return jax.jit(lambda *args: train_step(body, choices, *args)[0], compiler_options=FAST)


def after(member: Member, body: Body, steps: int, *, choices=None) -> tuple[dict, dict]:
    """The member's weights and its first moments, at its exact shape, trained in this body.

    choices: of the program, by default what the member needs.
    """
    plan = make_plan([member.config])
    plan = replace(plan, choices=choices or plan.choices)
    packed = traced_hparams(plan, [member], place(plan, [member], 1), 1)
    hparams = jax.tree.map(lambda t: jnp.asarray(t[0]), packed)
    params = initial_weights(jax.random.key(7), body, member.shape.widths)
    stats = initial_statistics(body, member.shape.widths)
    state = MemberState(params, stats, optimiser.start(params))
    batch = member.config.batch_size
    for i in range(steps):
        rows = np.arange(i * batch, (i + 1) * batch) % DATA.size
        flat = jnp.asarray(DATA.images[rows].transpose(0, 3, 1, 2).reshape(batch, -1))
        x = to_maps(flat, body.signature.image)
        key = jax.random.fold_in(jax.random.key(1), i)
        state = step_of(body, plan.choices)(state, hparams, x, jnp.asarray(DATA.labels[rows]), key)
    vectors = np.asarray(state.params), np.asarray(state.moments.first)
    weights, moments = (exact_arrays(member.shape, body, v, state.stats) for v in vectors)
    off = tuple(
        f"mlp.{i}.bn"  # not part of the network
        for i, layer in enumerate(member.config.mlp_config.block_list)
        if not layer.batch_norm
    )
    return tuple(
        {name: array for name, array in arrays.items() if not name.startswith(off)}
        for arrays in (weights, moments)
    )


def wider(body: Body) -> Body:
    channels = tuple(n + 3 for n in body.widths.channels)
    units = (*(n + 5 for n in body.widths.units[:-1]), body.widths.units[-1])
    return Body(body.signature, Widths(channels, units))


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_padded_is_one_step_narrow(kind):
    member = Member(config(**KINDS[kind]), 3)
    body = exact_body(member.config)
    narrow, gradient = after(member, body, 1)
    padded, padded_gradient = after(member, wider(body), 1, choices=ANY)
    size = max(abs(g).max() for name, g in gradient.items() if not name.endswith(RUNNING))
    for name, want in narrow.items():
        np.testing.assert_allclose(padded_gradient[name], gradient[name], rtol=0, atol=1e-5 * size)
        # Adam's first step is lr times the gradient's sign: where the gradient is all rounding, so
        # is the step.
        sure = (abs(gradient[name]) > 1e-5) | name.endswith(RUNNING)
        np.testing.assert_allclose(padded[name][sure], want[sure], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp_af sigmoid", "mlp_do", "resnet_out_channels, mlp_out"])
def test_fifty_steps_padded_stay_with_fifty_narrow(kind):
    """Rounding differs in the last bit from the first step on, and Adam carries it along.

    A weight moves by at most lr = 3e-3 a step; after 50 steps the two differ by less than a third
    of one step.
    """
    member = Member(config(**KINDS[kind]), 3)
    body = exact_body(member.config)
    narrow, _ = after(member, body, 50)
    padded, _ = after(member, wider(body), 50, choices=ANY)
    for name, want in narrow.items():
        np.testing.assert_allclose(padded[name], want, rtol=0, atol=1e-3, err_msg=name)
