"""What a searcher must keep to: a broken one is named in one line, and trains nothing."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.search import run_study
from hptjax.strategies import CheckedSearcher, Proposal, SearchContext, make_searcher, proposal_at
from tests.fakes import SPACE, FakeExecutor, data, study

GOOD = proposal_at(SPACE, np.array([0.5, 0.5, 0.25]))


def changed(genotype=GOOD.genotype, **hparams):
    return Proposal({**GOOD.hparams, **hparams}, genotype)


class Fixed:
    """Proposes the same things whatever it is asked."""

    def __init__(self, given):
        self.given, self.told = given, []

    def ask(self, count):
        return self.given

    def tell(self, proposals, values):
        self.told.append((proposals, values))


BROKEN = {
    "more than asked": ([GOOD] * 9, "must give at most the 8 that it is asked, gave 9"),
    "unknown hparam": ([changed(lrr=0.1)], "proposal 0: lrr: not in the space; did you mean 'lr'?"),
    "outlying": ([GOOD, changed(lr=0.2)], r"proposal 1: lr: must be a number in [0.001, 0.1]"),
    "missing": ([Proposal({"lr": 0.01}, (0.5, 0.5, 0.5))], "resnet_stride_l0: must be given"),
    "between": ([changed(resnet_stride_l0=1.9)], "must be a value of the space such as 2, got 1.9"),
    "number for boolean": ([changed(mlp_bn_l0=0.2)], "must be a value of the space such as False"),
    "other genotype": ([changed((0.5, 0.9, 0.25))], "must be what the genotype decodes to, 3"),
    "short genotype": ([changed((0.5, 0.5))], "the genotype must be 3 numbers in [0, 1]"),
    "outside the cube": ([changed((0.5, 1.5, 0.25))], "the genotype must be 3 numbers in [0, 1]"),
    "not a number": ([changed((0.5, float("nan"), 0.25))], "the genotype must be 3 numbers"),
    "no proposal": ([{"lr": 0.1}], "must give Proposals, gave {'lr': 0.1}"),
    "look-alike": ([SimpleNamespace(hparams={}, genotype=())], "must give Proposals"),
    "no list": (None, "must give a list of Proposals, gave None"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_searcher_is_named_before_anything_is_trained(case):
    given, text = BROKEN[case]
    executor = FakeExecutor()
    with pytest.raises(ConfigError) as caught:
        run_study(study(), data(), executor=executor, searchers={"mine": lambda _: Fixed(given)})
    assert str(caught.value).startswith("searcher 'mine': ask ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert executor.log == []


def test_numpy_scalars_become_pythons_own_and_the_searcher_is_told_of_its_own_objects():
    own = Proposal(
        {"mlp_bn_l0": np.False_, "resnet_stride_l0": np.int64(2), "lr": np.float64(0.01)},
        tuple(np.float64(u) for u in (0.5, 0.5, 0.25)),
        handle="mark",
    )
    inner = Fixed([own])
    searcher = CheckedSearcher(inner, SPACE, "mine")
    (clean,) = asked = searcher.ask(8)
    assert list(clean.hparams) == list(SPACE)
    assert [type(value) for value in clean.hparams.values()] == [float, int, bool]
    searcher.tell(asked, np.ones(1))
    assert inner.told[0][0][0] is own


@pytest.mark.parametrize(
    "name", ["des", "grid", "random", "tpe", "optuna.QMCSampler", "evosax.CMA_ES"]
)
def test_our_own_keep_to_it(name):
    context = SearchContext(SPACE, 0, name, 8, 40)
    bare, checked = make_searcher(name, context), make_searcher(name, context)
    checked = CheckedSearcher(checked, SPACE, name)
    for _ in range(4):
        a, b = bare.ask(8), checked.ask(8)
        assert a == b
        for searcher, proposals in ((bare, a), (checked, b)):
            searcher.tell(proposals, np.arange(len(proposals), dtype=float))


@pytest.mark.parametrize("searcher", [None, SimpleNamespace(ask=list), SimpleNamespace(ask=1)])
def test_a_searcher_has_both_methods(searcher):
    with pytest.raises(ConfigError, match=r"searcher 'mine': must have ask\(count\) and tell\("):
        run_study(study(), data(), executor=FakeExecutor(), searchers={"mine": lambda _: searcher})


@pytest.mark.parametrize("searchers", [{}, {"mine": 3}, [lambda _: None], "random"])
def test_searchers_are_factories_by_label(searchers):
    with pytest.raises(ConfigError, match="searchers must "):
        run_study(study(), data(), executor=FakeExecutor(), searchers=searchers)


@pytest.mark.parametrize("labels", [("../x",), ("",), ("nan",), ("=1+1",), (1,), ("A", "a")])
def test_labels_of_ones_own_searchers_are_checked_as_those_of_a_file(labels):
    searchers = {label: lambda _: Fixed([]) for label in labels}
    with pytest.raises(ConfigError, match=r"^searchers"):
        run_study(study(), data(), executor=FakeExecutor(), searchers=searchers)


@pytest.mark.parametrize("make", [np.array, jnp.array, np.float32])
def test_a_genotype_may_be_an_array(make):
    point = np.array([0.5, 0.5, 0.25])  # exact in float32, too
    proposal = Proposal(GOOD.hparams, make(point))
    asked = CheckedSearcher(Fixed([proposal]), SPACE, "mine").ask(1)
    assert asked == [GOOD]


@pytest.mark.parametrize("given", ["study.yaml", None, {"model": "m.yaml"}])
def test_a_study_is_a_study(given):
    with pytest.raises(ConfigError, match=r"study must be a StudyConfig, which hptjax\.load_study"):
        run_study(given)
