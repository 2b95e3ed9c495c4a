"""JAX's process-wide settings change no number of a study."""

from contextlib import ExitStack

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.models import init_variables
from hptjax.models.keys import root_key
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.search import run_study
from hptjax.study import StudyConfig
from tests import fakes
from tests.nets import config, images
from tests.test_study_engine import SPACE

SETTINGS = {
    "rbg": lambda: jax.default_prng_impl("rbg"),
    "unsafe_rbg": lambda: jax.default_prng_impl("unsafe_rbg"),
    "not partitionable": lambda: jax.threefry_partitionable(False),
    "float64": lambda: jax.enable_x64(True),
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "no rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "NaN checks": lambda: jax.debug_nans(True),
}


@pytest.fixture(params=[*SETTINGS, "all of them"])
def setting(request):
    """A context in which JAX is set otherwise."""
    chosen = SETTINGS.values() if request.param == "all of them" else [SETTINGS[request.param]]
    stack = ExitStack()
    for make in chosen:
        stack.enter_context(make())
    yield
    stack.close()


def searched():
    """Trials of searchers that draw by JAX; nothing is trained."""
    tree = {
        "model": fakes.model(),
        "space": SPACE,
        "strategies": [
            "des",
            {"name": "des", "label": "second", "preset": "tevc"},
            "evosax.CMA_ES",
            "evosax.DifferentialEvolution",
            "random",
        ],
        "population_size": 8,
        "budget": {"generations": 3},
    }
    study = StudyConfig.from_dict(tree)
    return run_study(study, fakes.data(), executor=fakes.FakeExecutor()).trials


@pytest.fixture(scope="module")
def proposed():
    return searched()


def test_searchers_propose_the_same(proposed, setting):
    assert searched() == proposed


MEMBERS = [Member(config(dropout=0.4), 3), Member(config(units=5, activation="tanh"), 8)]
DIVERGING = Member(config(lr=1e30), 9)


def trained():
    """Metrics and weights of a program that is made anew."""
    members = [*MEMBERS, DIVERGING]
    plan = make_plan([member.config for member in members], max_bodies=1)
    trainer = PopulationTrainer(plan, images(48), images(20, seed=1), seed=3)
    state, first = trainer.epoch(trainer.start(members))
    state = trainer.keep(state, [0, 1])
    state = trainer.restore(MEMBERS, trainer.snapshot(state), 1)
    state, second = trainer.epoch(state)
    return first, second, trainer.variables(state, 1)


@pytest.fixture(scope="module")
def once_trained():
    return trained()


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["unsafe_rbg", "all of them"], indirect=True)
def test_networks_become_the_same(once_trained, setting):
    again = trained()
    assert np.isnan(again[0]["val_loss"][2])
    jax.tree.map(np.testing.assert_array_equal, again, once_trained)
    assert {leaf.dtype for leaf in jax.tree.leaves(again)} == {np.dtype(np.float32)}


@pytest.mark.slow
def test_a_network_starts_the_same(setting):
    with jax.default_prng_impl("threefry2x32"), jax.threefry_partitionable(True):
        expected = init_variables(MEMBERS[0].config, jax.random.key(4))
    found = init_variables(MEMBERS[0].config, root_key(4))
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_the_settings_are_as_before_afterwards(setting):
    before = jnp.ones(1, jnp.result_type(float)).dtype, str(jax.random.key(0).dtype)
    trainer = PopulationTrainer(make_plan([config()]), images(48), images(20), seed=0)
    trainer.start([Member(config(), 0)])
    assert before == (jnp.ones(1, jnp.result_type(float)).dtype, str(jax.random.key(0).dtype))
