"""Every sampler of Optuna by its name."""

import logging

import numpy as np
import optuna
import pytest

from hptjax.errors import ConfigError, MissingExtraError
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies import SearchContext, make_searcher, optuna_family
from hptjax.strategies.optuna_family import EXTRAS, SKIPPED
from hptjax.strategies.table import check_options

MIXED = Space(
    {
        "lr": Float(0.001, 0.1, log=True, grid=(0.001, 0.01, 0.1)),
        "width": Integer(8, 24, grid=(8, 16, 24)),
        "bn": Categorical((False, True)),
    }
)
SMALL = Space({"width": Integer(1, 6), "bn": Categorical((False, True))})
REQUIRED = {"PartialFixedSampler": {"fixed_params": {"bn": True}, "base_sampler": "TPESampler"}}
USABLE = [name for name in optuna.samplers.__all__ if name not in SKIPPED]


def make(name, space=MIXED, seed=0, first=(), options=None):
    name = f"optuna.{name}"
    return make_searcher(name, SearchContext(space, seed, name, 7, None, first), options)


def search(searcher, evaluations, batch, fails_below=0.2):
    proposals = []
    while len(proposals) < evaluations and (asked := searcher.ask(batch)):
        values = [p.genotype[0] if p.genotype[0] >= fails_below else np.nan for p in asked]
        searcher.tell(asked, np.array(values))
        proposals += asked
    return proposals


@pytest.mark.filterwarnings("error")  # Optuna's experimental classes warn of themselves
@pytest.mark.parametrize("name", optuna.samplers.__all__)
def test_every_sampler_searches_or_says_why_not(name, capfd):
    if name in SKIPPED:
        with pytest.raises(ConfigError, match=SKIPPED[name]):
            make(name)
        return
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    space = SMALL if name == "BruteForceSampler" else MIXED
    options = REQUIRED.get(name)
    count = 14 if name == "GPSampler" else 35
    first = search(make(name, space, seed=3, options=options), count, 7)
    assert first == search(make(name, space, seed=3, options=options), count, 7)
    assert all(space.decode(p.genotype) == p.hparams for p in first)
    assert len(first) == {"GridSampler": 18, "BruteForceSampler": 12}.get(name, count)
    if name != "QMCSampler":  # Sobol's sequence has no seed unless it is scrambled
        other = make(name, space, seed=4, options=options).ask(7)
        assert [p.hparams for p in first[:7]] != [p.hparams for p in other]
    output = capfd.readouterr()
    assert output.out + output.err == ""


@pytest.mark.parametrize(("name", "size"), [("BruteForceSampler", 12), ("GridSampler", 6)])
@pytest.mark.parametrize("batch", [5, 12, 40])
def test_exhaustive_samplers_visit_each_point_once_and_end(name, size, batch):
    inside = {"width": 1, "bn": True}
    outside = {"width": 2, "bn": False}  # of the grid: width has the grid 1, 3, 6 there
    space = Space({"width": Integer(1, 6, grid=(1, 3, 6)), "bn": Categorical((False, True))})
    searcher = make(name, space, first=(outside, inside))
    proposals = search(searcher, 1000, batch)
    assert [p.hparams for p in proposals[:2]] == [outside, inside]
    assert len({tuple(p.hparams.values()) for p in proposals}) == len(proposals)
    assert len(proposals) == size + (name == "GridSampler")
    assert searcher.ask(batch) == []


def test_a_fixed_hparam_stays_fixed_even_when_little_is_left():
    searcher = make("PartialFixedSampler", SMALL, options=REQUIRED["PartialFixedSampler"])
    for _ in range(2):
        asked = searcher.ask(6)
        assert sorted(p.hparams["width"] for p in asked) == [1, 2, 3, 4, 5, 6]
        assert all(p.hparams["bn"] for p in asked)
        searcher.tell(asked, np.array([p.genotype[0] for p in asked]))


def test_quiet_does_not_change_what_a_user_hears_of_optuna():
    level = optuna.logging.get_verbosity()
    search(make("CmaEsSampler" if _has("cmaes") else "QMCSampler"), 14, 7)
    assert optuna.logging.get_verbosity() == level
    assert logging.getLogger("optuna").level == level


def _has(package):
    return optuna_family.find_spec(package) is not None


@pytest.mark.parametrize("name", sorted(EXTRAS))
def test_a_missing_package_is_named(name, monkeypatch):
    monkeypatch.setattr(optuna_family, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=rf"hptjax\[{EXTRAS[name]}\]"):
        make(name)


@pytest.mark.filterwarnings("ignore:.*x0.*deprecated")
@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("TPSampler", {}, "did you mean 'optuna.TPESampler'"),
        ("TPESampler", {"n_startup": 3}, "did you mean 'n_startup_trials'"),
        ("TPESampler", {"n_startup_trials": "many"}, "must be a valid integer, got 'many'"),
        ("QMCSampler", {"qmc_type": "sobel"}, "optuna.QMCSampler: .*sobel"),
        ("NSGAIISampler", {"population_size": 1}, "optuna.NSGAIISampler: .*population_size"),
        ("NSGAIISampler", {"crossover": "SPX"}, "crossover: unknown 'SPX'; did you mean 'SPXC"),
        ("PartialFixedSampler", {"base_sampler": "TPESampler"}, "fixed_params: must be given"),
        (
            "PartialFixedSampler",
            {"fixed_params": {"bm": True}, "base_sampler": "TPESampler"},
            "fixed_params.bm: not in the space; known are bn, lr, width",
        ),
        (
            "PartialFixedSampler",
            {"fixed_params": {"bn": True}, "base_sampler": "GridSampler"},
            "base_sampler: no sampler 'GridSampler' fits here",
        ),
        ("CmaEsSampler", {"x0": {"lr": 0.01}}, "x0.width: must be given"),
        ("CmaEsSampler", {"x0": {"lr": 3.0, "width": 9}}, "x0.lr: must be a number in"),
        ("BruteForceSampler", {}, "lr is a float"),
    ],
)
def test_mistakes_are_named(name, options, text):
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    with pytest.raises(ConfigError, match=text):
        make(name, options=options)


def test_a_grid_that_optuna_could_not_hold_is_refused():
    wide = Space({f"x{i}": Integer(0, 99, grid=tuple(range(100))) for i in range(5)})
    with pytest.raises(ConfigError, match="use the strategy 'grid'"):
        make("GridSampler", wide)


def test_options_are_those_of_the_constructor_and_defaults_are_left_out():
    options = check_options("optuna.TPESampler", {"n_ei_candidates": 12})
    assert options.model_dump(mode="json", exclude_defaults=True) == {"n_ei_candidates": 12}
    assert {"multivariate", "gamma"} & set(type(options).model_fields) == {"multivariate"}
    assert "seed" not in type(options).model_fields
