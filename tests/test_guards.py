"""JAX's own guards: no random key is used twice, and nothing is copied to a device unasked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import KeyReuseError

from hptjax.des import DES
from hptjax.population import Member, PopulationTrainer, make_plan
from tests.nets import config, images

TRAIN, VALIDATION = images(48), images(16, seed=1)
NETS = [config(dropout=0.3), config(dropout=0.1, lr=1e-2)]


@pytest.fixture
def guarded():
    """Keys are followed from the first operation on."""
    with jax.debug_key_reuse(True):
        yield


def test_the_guard_sees_a_key_that_is_used_twice(guarded):
    key = jax.random.key(0)
    jax.random.normal(key)
    with pytest.raises(KeyReuseError):
        jax.random.uniform(key)


def test_a_generation_of_des_uses_each_key_once_and_copies_nothing(guarded):
    des = DES(12, jnp.zeros(3))
    params = des.default_params
    key_init, key_ask, key_tell = jax.random.split(jax.random.key(0), 3)
    state = des.init(key_init, None, params)
    with jax.transfer_guard("disallow"):
        points, state = jax.jit(des.ask)(key_ask, state, params)
        state, _ = jax.jit(des.tell)(key_tell, points, points.sum(1), state, params)
    assert np.isfinite(state.mean).all()


def test_a_population_uses_each_key_once_and_copies_nothing(guarded):
    plan = make_plan(NETS)
    members = [Member(net, k) for k, net in enumerate(NETS)]
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=3, devices=jax.devices()[:1])
    resident = trainer.start(members)
    resident, first = trainer.epoch(resident)
    with jax.transfer_guard("disallow"):
        resident, second = trainer.epoch(resident)
    assert np.isfinite(second["train_loss"]).all()
    assert (second["train_loss"] != first["train_loss"]).all()
