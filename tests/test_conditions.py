"""Conditional spaces: a point has its active hparams alone, for the grid and for every searcher."""

import itertools
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.hparams import Owner
from hptjax.errors import ConfigError
from hptjax.search import run_study
from hptjax.search.duplicates import EVERY_POINT
from hptjax.space import Categorical, Condition, Float, Integer, Space
from hptjax.strategies import CheckedSearcher, Proposal, SearchContext, make_searcher
from hptjax.strategies.optuna import GroupTPE, OptunaSearcher
from hptjax.transpile.owners import owner_holds, with_conditions
from hptjax.transpile.problem import Problem
from tests import fakes
from tests.test_study_resume import journalled, lasting

MOMENTUM, NESTEROV, BETA = "optimizer.sgd.momentum", "optimizer.sgd.nesterov", "beta_1"
ENTRIES = {
    MOMENTUM: Float(0.5, 0.9, grid=(0.5, 0.9)),  # before the choice that it hangs on
    "lr": Float(0.001, 0.08, log=True, grid=(0.001, 0.01)),
    "optimizer": Categorical(("adam", "sgd", "rmsprop")),
    NESTEROV: Categorical((False, True)),
    BETA: Float(0.8, 0.95, grid=(0.8, 0.9, 0.95)),
}
MEANT = {
    "adam": {"lr", "optimizer", BETA},
    "sgd": {MOMENTUM, "lr", "optimizer", NESTEROV},
    "rmsprop": {"lr", "optimizer"},
}
CMA_ES = pytest.param(
    "optuna.CmaEsSampler", marks=pytest.mark.skipif(not find_spec("cmaes"), reason="no cmaes")
)
SEARCHERS = (
    *("des", "grid", "random", "tpe", "evosax.SNES", "optuna.TPESampler", CMA_ES),
    *("optuna.QMCSampler", "optuna.NSGAIISampler"),
)
# a depth, copies of a layer, an option of a kind of each copy: conditions on conditions
LAYERS = Space(
    {
        "b.groups": Integer(1, 3),
        "depth": Integer(0, 2),
        "a": Categorical(("conv", "pool")),
        "b": Categorical(("conv", "pool")),
        "a.width": Integer(4, 8, step=2),
        "lr": Float(0.1, 0.3),
    },
    {
        "a": (Condition("depth", (1, 2)),),
        "b": (Condition("depth", (2,)),),
        "a.width": (Condition("depth", (1, 2)), Condition("a", ("conv",))),
        "b.groups": (Condition("b", ("conv",)),),
    },
)


def conditional(entries=ENTRIES):
    study = fakes.study(Space(entries))
    return Problem(study.model, study.space, fakes.data().image).space


@st.composite
def spaces(draw):
    """Up to five small hparams, each with up to two conditions on those before it in some order."""
    count = draw(st.integers(1, 5))
    entries = {f"h{k}": Integer(0, draw(st.integers(0, 2))) for k in range(count)}
    order = draw(st.permutations(list(entries)))
    conditions = {}
    for place, name in enumerate(order):
        parents = draw(st.lists(st.sampled_from(order[:place]), max_size=2)) if place else []
        conditions[name] = tuple(
            Condition(parent, tuple(draw(st.sets(st.integers(0, entries[parent].high)))))
            for parent in parents
        )
    return Space(entries, conditions)


def key(point):
    return tuple(point.items())


@settings(max_examples=150, deadline=None)
@given(spaces())
def test_the_grid_is_the_canonical_points_of_the_product_each_once(space):
    values = [entry.points() for entry in space.values()]
    rows = [dict(zip(space, row, strict=True)) for row in itertools.product(*values)]
    wanted = {key(space.active(row)) for row in rows}
    grid = space.grid()
    assert grid.size == space.grid_size() == space.size() == len(wanted)
    assert {key(grid[k]) for k in range(grid.size)} == wanted == set(map(key, space.points()))
    for point in grid:
        assert space.active(point) == space.completed(point) == point
        assert space.active(space.decode(space.encode(point))) == point


@settings(max_examples=50, deadline=None)
@given(spaces(), st.data())
def test_what_is_active_does_not_depend_on_the_inactive(space, data):
    u = data.draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space)))
    whole = space.decode(u)
    active = space.active(whole)
    assert space.active(active) == active
    assert list(active) == [name for name in space if name in active]
    for name in whole.keys() - active.keys():
        other = {**whole, name: space[name].from_unit(data.draw(st.floats(0, 1)))}
        assert space.active(other) == active


def test_conditions_hang_on_conditions():
    assert LAYERS.active(LAYERS.decode([0.5] * 6)) == {"depth": 1, "a": "pool", "lr": 0.2}
    # no layer, (3 widths + pool), and that beside (3 groups + pool)
    assert LAYERS.grid_size() == 3 * (1 + 4 + 4 * 4)
    assert LAYERS.parents_first.index("b.groups") > LAYERS.parents_first.index("b")
    assert LAYERS.completed({"depth": 2, "b": "pool"}) == {
        **{"depth": 2, "a": "conv", "b": "pool", "a.width": 6, "lr": 0.2}
    }


def test_a_grid_of_many_layers_costs_nothing():
    copies = range(40)
    entries = {"depth": Integer(0, 40), **{f"width{k}": Integer(1, 4) for k in copies}}
    over = {f"width{k}": (Condition("depth", tuple(range(k + 1, 41))),) for k in copies}
    entries["depth"] = Integer(0, 40, grid=tuple(range(41)))
    grid = Space(entries, over).grid()
    assert grid.size == sum(4**depth for depth in range(41))
    assert list(grid[0]) == ["depth"]
    assert len(grid[grid.size - 1]) == 41
    assert grid[5:7] == [grid[5], grid[6]]


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"x": (Condition("y", (1,)),)}, "y is not in the space"),
        ({"z": (Condition("n", (1,)),)}, "z is not in the space"),
        ({"n": (Condition("c", ("a",)),), "c": (Condition("n", (1,)),)}, "n -> c -> n"),
        ({"n": (Condition("x", (0.5,)),)}, "x: must be an Integer or choices, for n depends on it"),
        ({"n": (Condition("c", ("d",)),)}, "n: depends on c = 'd', which it never is"),
        ({"n": ("c",)}, "n: must have Conditions, got 'c'"),
        (["n"], "conditions must be a mapping"),
    ],
)
def test_conditions_that_cannot_be_are_refused(conditions, text):
    entries = {"x": Float(0, 1), "n": Integer(0, 1), "c": Categorical(("a", "b"))}
    with pytest.raises(ConfigError) as caught:
        Space(entries, conditions)
    assert text in str(caught.value)


def test_conditions_are_part_of_a_space_but_not_of_its_file():
    flat = Space(dict(LAYERS))
    assert flat != LAYERS
    assert Space(dict(LAYERS), LAYERS.conditions) == LAYERS
    assert hash(LAYERS) == hash(Space(dict(LAYERS), LAYERS.conditions))
    assert LAYERS.to_dict() == flat.to_dict()


def test_encode_asks_for_active_hparams_alone():
    with pytest.raises(ConfigError, match=r"^a\.width: must be given, it is missing"):
        LAYERS.encode({"depth": 1, "a": "conv", "lr": 0.2})
    point = LAYERS.encode({"depth": 0, "lr": 0.1})
    assert point[[0, 2, 3, 4]].tolist() == [0.5] * 4


def test_the_conditions_of_a_problem_follow_from_its_network():
    space = conditional()
    assert space.conditions == {
        MOMENTUM: (Condition("optimizer", ("sgd",)),),
        NESTEROV: (Condition("optimizer", ("sgd",)),),
        BETA: (Condition("optimizer", ("adam",)),),
    }
    assert space.grid_size() == 2 * (3 + 2 * 2 + 1)
    meant: Any = {"soft": {"sgd": {"momentum": 0.1}}, "hard": {"sgd": {}}, "a": "adam"}
    named = conditional({"optimizer": Categorical(meant), NESTEROV: ENTRIES[NESTEROV]})
    assert named.conditions == {NESTEROV: (Condition("optimizer", ("soft", "hard")),)}
    adams = {"optimizer": Categorical(("adam", "adamw")), BETA: ENTRIES[BETA]}
    assert not conditional(adams).conditions  # it means something with either
    with pytest.raises(ConfigError, match="must be those that follow from the network"):
        with_conditions(space, {})


def test_a_depth_owns_what_lies_beyond():
    owner, entry = Owner("depth", copy=1), Integer(0, 3)
    assert [value for value in range(4) if owner_holds(owner, entry, value)] == [2, 3]
    meant: Any = {"a": {"conv": 8}, "b": "conv", "c": {"name": "pool"}}
    kinds = Categorical(meant)
    kept = [value for value in kinds.choices if owner_holds(Owner("x", ("conv",)), kinds, value)]
    assert kept == ["a", "b"]


def study(name, **changes):
    config = {"strategies": [name], "budget": {"generations": 4}, "seed": 2}
    return fakes.study(Space(ENTRIES), **config | changes)


@pytest.mark.parametrize("name", SEARCHERS)
def test_no_searcher_proposes_or_records_what_is_inactive_and_a_run_resumes(name, tmp_path):
    result = journalled(tmp_path / "whole", config=study(name))
    space = conditional()
    for trial in result.trials:
        assert set(trial.hparams) == MEANT[trial.hparams["optimizer"]]
        assert space.active(space.decode(trial.genotype)) == pytest.approx(trial.hparams)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "torn").write_bytes(b"".join(lines[: len(lines) // 2]))
    journalled(tmp_path / "torn", config=study(name))
    assert lasting(tmp_path / "torn") == lasting(tmp_path / "whole")


@pytest.mark.parametrize("name", ["grid", "random", "tpe", "optuna.BruteForceSampler"])
def test_a_finite_conditional_space_ends_when_each_network_was_tried(name):
    space = Space(
        {
            MOMENTUM: Categorical((0.5, 0.7, 0.9)),
            "optimizer": Categorical(("adam", "sgd", "rmsprop")),
            "mlp_bn_l0": Categorical((False, True)),
        }
    )
    config = fakes.study(space, strategies=(name,), budget={"generations": 60})
    result = run_study(config, fakes.data(), executor=fakes.FakeExecutor())
    trained = [trial for trial in result.trials if trial.was_trained]
    assert len(trained) == len({key(trial.hparams) for trial in trained}) == 2 * (3 + 1 + 1)
    assert result.stops[name] in ("search exhausted", f"search exhausted: {EVERY_POINT}")
    if name in ("grid", "optuna.BruteForceSampler"):
        assert len(result.trials) == len(trained)


def asked(name, count=40, batch=8, space=None, **options):
    """The searcher, and its proposals, told that momentum 0.6 is best and Adam is bad."""
    context = SearchContext(space or conditional(), 0, name, batch, count)
    searcher: Any = make_searcher(name, context, options)
    proposals = []
    for _ in range(count // batch):
        own = searcher.ask(batch)
        loss = [abs(float(p.hparams.get(MOMENTUM, 2.0)) - 0.6) for p in own]
        searcher.tell(own, np.array(loss))
        proposals += own
    return searcher, proposals


@pytest.mark.parametrize("name", ["tpe", "optuna.NSGAIISampler", CMA_ES])
def test_optunas_trials_lack_inactive_parameters(name):
    searcher, proposals = asked(name)
    assert isinstance(searcher, OptunaSearcher)
    kinds = set()
    for trial, proposal in zip(searcher._study.trials, proposals, strict=False):
        if trial.state is optuna.trial.TrialState.COMPLETE:
            assert set(trial.params) == MEANT[trial.params["optimizer"]]
        kinds.add(proposal.hparams["optimizer"])
    assert len(kinds) == 3


def test_cma_es_goes_on_with_what_is_always_active():
    pytest.importorskip("cmaes")
    entries = {"x": Float(0, 1), "y": Float(0, 1), "kind": Categorical(range(10))}
    space = Space(entries, {"y": (Condition("kind", tuple(range(9))),)})  # rarely not
    searcher, proposals = asked("optuna.CmaEsSampler", 80, batch=2, space=space)
    kinds = [proposal.hparams["kind"] for proposal in proposals]
    assert 9 in kinds
    marks = [trial.system_attrs for trial in searcher._study.trials[4:]]
    assert all(any("generation" in key for key in mark) for mark in marks)


def test_tpe_draws_groups_and_sees_no_inactive_liars():
    searcher, proposals = asked("tpe", 80)
    assert isinstance(searcher._study.sampler, GroupTPE)
    late = [p.hparams for p in proposals[40:]]
    assert sum(p["optimizer"] == "sgd" for p in late) > len(late) / 2
    (open_,) = searcher.ask(1)
    (trial,) = searcher._study.get_trials(states=[optuna.trial.TrialState.RUNNING])
    kept = searcher._study.sampler._get_params(trial, searcher._study)
    assert set(kept) == set(open_.hparams)
    # what is overridden is what Optuna calls: its own would have all groups' parameters
    own = optuna.samplers.TPESampler._get_params(searcher._study.sampler, trial, searcher._study)
    assert set(own) == set(ENTRIES)
    one_by_one, _ = asked("tpe", 8, multivariate=False)
    assert not isinstance(one_by_one._study.sampler, GroupTPE)


def test_optunas_grid_is_refused():
    with pytest.raises(ConfigError, match="Optuna's grid has no conditions"):
        asked("optuna.GridSampler")


@pytest.mark.parametrize("name", ["des", "evosax.SNES"])
def test_evolution_keeps_its_raw_points(name):
    _, proposals = asked(name)
    inactive = [p.genotype[0] for p in proposals if MOMENTUM not in p.hparams]
    assert len(set(inactive)) > 10


def test_a_searcher_may_give_inactive_hparams_but_not_lack_active_ones():
    space = conditional()
    u = (0.3, 0.5, 0.1, 0.2, 0.4)
    whole = space.decode(u)

    class Given:
        def __init__(self, hparams):
            self.hparams = hparams

        def ask(self, count):
            return [Proposal(self.hparams, u)]

        def tell(self, proposals, values):
            pass

    check = partial(CheckedSearcher, space=space, label="mine")
    (clean,) = check(Given(whole)).ask(1)
    assert clean.hparams == space.active(whole)
    assert list(clean.hparams) == ["lr", "optimizer", BETA]
    with pytest.raises(ConfigError, match="proposal 0: beta_1: must be given"):
        check(Given({"lr": whole["lr"], "optimizer": "adam"})).ask(1)


@pytest.mark.parametrize("name", ["grid", "random", "tpe", "des", "evosax.SNES"])
def test_first_points_are_completed_by_defaults(name):
    config = study(name, first=[{"optimizer": "sgd", "lr": 0.02}, {}], budget={"generations": 1})
    assert config.first == ({"optimizer": "sgd", "lr": 0.02}, {})
    result = run_study(config, fakes.data(), executor=fakes.FakeExecutor())
    first, second = (dict(trial.hparams) for trial in result.trials[:2])
    assert first == pytest.approx({MOMENTUM: 0.7, "lr": 0.02, "optimizer": "sgd", NESTEROV: False})
    assert set(second) == MEANT["adam"]


@pytest.mark.parametrize(
    ("point", "text"),
    [
        ({"optimizer": "adam", MOMENTUM: 0.6}, "where optimizer is 'adam', it needs optimizer to"),
        ({BETA: 0.9, "optimizer": "rmsprop"}, "optimizer to be adam; leave it out."),
        ({"optimizer": "sdg"}, "first.0.optimizer: must be one of adam, sgd, rmsprop, got 'sdg'"),
        ({"optimizer": "sgd", MOMENTUM: 2.0}, f"first.0.{MOMENTUM}: must be a number in"),
    ],
)
def test_a_first_point_with_an_inactive_hparam_is_refused(point, text):
    with pytest.raises(ConfigError) as caught:
        study("random", first=[point])
    assert text in str(caught.value)
    assert str(caught.value).startswith("first.0.")


def test_a_start_of_des_needs_what_is_active():
    start = {"optimizer": "rmsprop", "lr": 0.01}
    result = run_study(
        study({"name": "des", "start": start}, budget={"generations": 1}),
        fakes.data(),
        executor=fakes.FakeExecutor(),
    )
    assert result.trials
    with pytest.raises(ConfigError, match=r"strategies\.des\.start\.beta_1: must be given"):
        study({"name": "des", "start": {**start, "optimizer": "adam"}})
