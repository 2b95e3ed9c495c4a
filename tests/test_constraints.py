"""Bounds on the costs of a network: checked before training, passed to searchers that use them."""

import re

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.models.costs import network_costs
from hptjax.records import Status
from hptjax.search import run_study
from hptjax.space import Float, Integer, Space
from hptjax.study.config import StudyConfig
from hptjax.transpile.constraints import Constraints
from hptjax.transpile.problem import Problem
from tests.fakes import FakeExecutor, data, study

SPACE = Space({"resnet_out_channels_l0": Integer(2, 40), "lr": Float(0.001, 0.05, log=True)})
LIMIT = 4000


def constrained(limits=None, space=SPACE, **changes):
    limits = {"parameters": {"max": LIMIT}} if limits is None else limits
    return study(space, constraints=limits, **({"strategies": ("random",)} | changes))


def run(config):
    return run_study(config, data(), executor=FakeExecutor())


def parameters(config, hparams):
    own = Problem(config.model, config.space, data().image)
    return network_costs(own.build(hparams).config).parameters


def test_only_networks_that_keep_the_constraints_are_trained():
    config = constrained()
    trials = run(config).trials
    trained = [trial for trial in trials if trial.status is Status.TRAINED]
    refused = [trial for trial in trials if trial.status is Status.INFEASIBLE]
    assert len(trained) + len(refused) == len(trials) == 32
    assert trained
    assert all(parameters(config, trial.hparams) <= LIMIT for trial in trained)
    for trial in refused:
        count = parameters(config, trial.hparams)
        assert count > LIMIT
        assert trial.reason == f"it has {count:,} parameters, at most 4,000 are allowed"
        assert trial.config is None


def test_other_trials_are_those_of_the_study_without_constraints():
    free = run(constrained({})).trials
    for own, other in zip(run(constrained()).trials, free, strict=True):
        assert own.hparams == other.hparams
        if own.status is Status.TRAINED:
            assert own == other


def test_both_ends_of_a_bound_are_allowed():
    config = constrained()
    counts = sorted({parameters(config, trial.hparams) for trial in run(config).trials})
    exact = {"parameters": {"min": counts[2], "max": counts[2]}}
    kept = [t for t in run(constrained(exact)).trials if t.status is Status.TRAINED]
    assert {parameters(config, trial.hparams) for trial in kept} == {counts[2]}


@pytest.mark.parametrize("name", ["tpe", {"name": "optuna.NSGAIISampler"}])
def test_a_sampler_that_knows_the_constraints_breaks_them_less_often(name):
    """The optimum lies where the constraint is kept; otherwise neither sampler would gain."""

    def broken(told, seed):
        config = constrained(strategies=(name,), seed=seed, budget={"generations": 8})
        if not told:
            config = config.model_copy(update={"constraints": Constraints()})
        trials = run(config).trials[16:]
        return sum(parameters(config, trial.hparams) > LIMIT for trial in trials)

    told, untold = (sum(broken(way, seed) for seed in (1, 2, 3)) for way in (True, False))
    assert told < 0.7 * untold


def test_flops_are_those_of_a_forward_pass():
    config = constrained()
    (hparams,) = config.space.sample(1, np.random.default_rng(0))
    network = Problem(config.model, config.space, data().image).build(hparams).config
    flops = network_costs(network).forward_flops
    for limit, kept in ((flops, True), (flops - 1, False)):
        limits = Constraints.model_validate({"flops": {"max": limit}})
        own = Problem(config.model, config.space, data().image, limits).build(hparams)
        assert (own.config is not None) == kept
        assert own.violations == pytest.approx(((flops - limit) / limit,))


def test_a_network_that_cannot_be_built_breaks_all_without_bound():
    space = Space({"resnet_stride_l0": Integer(1, 30)})
    limits = Constraints.model_validate({"parameters": {"max": 1e9, "min": 1}})
    own = Problem(study(space).model, space, data().image, limits)
    assert own.build({"resnet_stride_l0": 30}).violations == (float("inf"),) * 2
    assert own.build({"resnet_stride_l0": 2}).violations[0] < 0


def test_a_space_in_which_nothing_keeps_them_is_refused_before_training():
    config = constrained({"parameters": {"max": 10}})
    problem = Problem(config.model, config.space, data().image, config.constraints)
    expected = (
        r"constraints: none of 512 random networks of the space keeps them; of the nearest one, it "
        r"has [\d,]+ parameters, at most 10 are allowed\."
    )
    with pytest.raises(ConfigError, match=expected):
        problem.cover()


def test_the_program_has_bodies_for_all_that_may_be_trained():
    config = constrained()
    problem = Problem(config.model, config.space, data().image, config.constraints)
    widest = max(network_costs(own).parameters for own in problem.cover())
    assert widest == parameters(config, {"resnet_out_channels_l0": 40, "lr": 0.01})


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            {"parameters": {}},
            "constraints.parameters: must be a mapping of max, min or both, got {}.",
        ),
        (
            {"parameters": 5000},
            "constraints.parameters: must be a mapping that says which bound it is, as {max: 5000}",
        ),
        (
            {"parameters": {"min": 9, "max": 1}},
            "constraints.parameters: must be one whose min is at most its max, got {",
        ),
        (
            {"parametres": {"max": 1}},
            "constraints.parametres: unknown key; did you mean 'parameters'",
        ),
        ({"flops": {"max": -1}}, "constraints.flops.max: "),
    ],
)
def test_mistakes_are_named(limits, text):
    with pytest.raises(ConfigError, match=re.escape(text)):
        constrained(limits)


def test_a_config_is_read_back_equal_and_omits_absent_constraints():
    config = constrained({"parameters": {"max": 5000}})
    tree = config.to_dict()
    assert tree["constraints"] == {"parameters": {"max": 5000.0}}
    assert StudyConfig.from_dict(tree) == config
    assert "constraints" not in constrained({}).to_dict()
