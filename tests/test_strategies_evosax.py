"""Every algorithm of evosax's registry by its name."""

import numpy as np
import pytest
from evosax.algorithms import algorithms
from hypothesis import given
from hypothesis import strategies as st

from hptjax.errors import ConfigError
from hptjax.space import Float, Space
from hptjax.strategies import SearchContext, make_searcher
from hptjax.strategies.evosax import reflect
from hptjax.strategies.evosax_family import SKIPPED, SPREAD
from hptjax.strategies.table import check_options

CUBE = Space({f"x{i}": Float(0.0, 1.0) for i in range(4)})
OPTIMUM = np.array([0.7, 0.6, 0.8, 0.3])
LEARNS_NOTHING = "RandomSearch"  # the only one whose later generations are no better
QUICK = ("CMA_ES", "DifferentialEvolution", "Open_ES")


def make(name, seed=0, rows=13, options=None):
    name = f"evosax.{name}"
    return make_searcher(name, SearchContext(CUBE, seed, name, rows, 78), options)


def search(searcher, generations, batch=100, fails=lambda point: point[0] < 0.1):
    """Genotypes [G][rows, 4] and values [G][rows]; fails: which points have no value."""
    points, values = [], []
    for _ in range(generations):
        asked = searcher.ask(batch)
        points.append(np.array([p.genotype for p in asked]))
        values.append(((points[-1] - OPTIMUM) ** 2).sum(1))
        told = [np.nan if fails(x) else v for x, v in zip(points[-1], values[-1], strict=True)]
        searcher.tell(asked, np.array(told))
    return points, values


def check_algorithm(name):
    points, _ = search(make(name, seed=1), 6)
    again, _ = search(make(name, seed=1), 6)
    assert all(len(rows) == len(points[0]) <= 13 for rows in points)
    assert np.all((np.concatenate(points) >= 0) & (np.concatenate(points) <= 1))
    assert all(np.array_equal(a, b) for a, b in zip(points, again, strict=True))
    means = np.mean(
        [[v.mean() for v in search(make(name, seed=seed), 6)[1]] for seed in range(1, 7)], axis=0
    )
    assert (means[-2:].mean() < 0.9 * means[0]) == (name != LEARNS_NOTHING)


@pytest.mark.slow
@pytest.mark.parametrize("name", algorithms)
def test_every_algorithm_searches_or_says_why_not(name):
    if name in SKIPPED:
        with pytest.raises(ConfigError, match=SKIPPED[name]):
            make(name)
    else:
        check_algorithm(name)


@pytest.mark.parametrize("name", QUICK)
def test_algorithms_of_each_kind_search(name):
    check_algorithm(name)


def test_what_is_skipped_is_in_the_registry():
    assert set(SKIPPED) < set(algorithms)


@pytest.mark.parametrize("name", QUICK)
def test_proposals_do_not_depend_on_the_batch(name):
    rows = len(make(name).ask(100))
    whole, _ = search(make(name), 3)
    pieces, _ = search(make(name), 3 * -(-rows // 5), batch=5)
    np.testing.assert_array_equal(np.concatenate(whole), np.concatenate(pieces))


@pytest.mark.parametrize("name", QUICK)
def test_all_failing_goes_on_with_new_points(name):
    points, _ = search(make(name), 3, fails=lambda point: True)
    assert np.isfinite(np.concatenate(points)).all()
    assert not np.array_equal(points[0], points[1])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_reflection_ends_inside_keeps_what_is_inside_and_is_a_mirror(values):
    points = np.array(values)
    inside = reflect(points)
    assert np.all((inside >= 0) & (inside <= 1))
    np.testing.assert_array_equal(reflect(inside), inside)
    np.testing.assert_allclose(inside, reflect(-points), atol=1e-9)
    np.testing.assert_allclose(inside, reflect(2 - points), atol=1e-9)
    within = (points >= 0) & (points <= 1)
    np.testing.assert_array_equal(inside[within], points[within])


def test_reflection_of_what_is_not_finite_is_the_middle():
    np.testing.assert_array_equal(reflect(np.array([np.nan, np.inf, -np.inf])), 0.5)
    np.testing.assert_allclose(
        reflect(np.array([1.25, -0.25, 2.25, -1.25])), [0.75, 0.25, 0.25, 0.75]
    )


@pytest.mark.parametrize(
    ("name", "wanted", "rows"), [("CMA_ES", 29, 29), ("Open_ES", 29, 28), ("CMA_ES", None, 16)]
)
def test_a_generation_is_the_largest_allowed_within_the_population(name, wanted, rows):
    assert len(make(name, rows=wanted).ask(100)) == rows


def test_the_first_spread_suits_the_cube_unless_it_is_given():
    wide, narrow = (
        np.array([p.genotype for p in make("CMA_ES", rows=64, options=options).ask(64)])
        for options in (None, {"std_init": 0.01})
    )
    assert 0.6 * SPREAD < wide.std(0).mean() < 1.1 * SPREAD
    np.testing.assert_allclose(narrow, 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("CMAES", {}, "did you mean 'evosax.CMA_ES'"),
        ("CMA_ES", {"std_ini": 0.1}, "did you mean 'std_init'"),
        ("CMA_ES", {"std_init": "wide"}, "must be a valid number, got 'wide'"),
        ("CMA_ES", {"std_init": 0.0}, "not finite"),
        ("Open_ES", {"population_size": 13}, "population_size=13 .*must be even"),
        ("DifferentialEvolution", {"population_size": 3}, "population_size >= 4"),
        ("ASEBO", {"subspace_dims": 9}, "over 4 dimensions: .*Subspace dims must be smaller"),
        ("LGA", {"params_path": "weights.pkl"}, "unknown key"),
    ],
)
def test_mistakes_are_named(name, options, text):
    with pytest.raises(ConfigError, match=text):
        make(name, options=options)


def test_options_are_those_of_the_constructor_and_the_numbers_of_its_params():
    options = check_options("evosax.Open_ES", {"std_schedule": 0.1, "optimizer": 0.02})
    assert options.model_dump(mode="json", exclude_defaults=True) == {
        "std_schedule": 0.1,
        "optimizer": 0.02,
    }
    assert {"std_init", "weights"} & set(type(check_options("evosax.CMA_ES", {})).model_fields) == {
        "std_init"
    }


def test_des_of_the_registry_is_another_algorithm_than_ours():
    assert "std_init" in type(check_options("evosax.DES", {})).model_fields
    assert "preset" in type(check_options("des", {})).model_fields
