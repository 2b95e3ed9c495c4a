"""A space of several hparams: points, samples, its lazy grid, its dict form, and every mistake."""

import math
import sys

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.space import Categorical, Float, Integer, Space

SPACE = Space(
    {
        "lr": Float(0.001, 0.1, log=True, grid=[0.001, 0.1]),
        "c": Integer(8, 24, grid=[8, 16, 24]),
        "bn": Categorical((False, True)),
    }
)


def test_grid_is_the_product_with_the_first_name_fastest():
    grid = SPACE.grid()
    assert len(grid) == 12
    assert grid[:3] == [
        {"lr": 0.001, "c": 8, "bn": False},
        {"lr": 0.1, "c": 8, "bn": False},
        {"lr": 0.001, "c": 16, "bn": False},
    ]
    assert len({tuple(row.values()) for row in grid}) == 12


def test_a_grid_of_any_size_costs_nothing():
    space = Space({f"x{i}": Float(0, 9, grid=list(range(10))) for i in range(30)})
    grid = space.grid()
    assert space.grid_size() == grid.size == 10**30
    assert len(grid) == sys.maxsize  # the most that len can say
    assert list(grid[123].values()) == [3, 2, 1, *[0] * 27]
    assert list(grid[-1].values()) == [9] * 30
    assert grid[10**29 : 10**30 : 10**29].size == 9
    assert [row["x0"] for row in grid[10**20 + 3 : 10**20 + 6]] == [3, 4, 5]
    assert next(reversed(grid)) == grid[10**30 - 1] == next(iter(grid[::-1]))
    with pytest.raises(IndexError):
        grid[10**30]


def test_a_grid_is_a_sequence_equal_to_its_list():
    grid = SPACE.grid()
    rows = list(grid)
    assert grid == rows
    assert rows == grid
    assert grid == SPACE.grid()
    assert grid[2:9:3] == rows[2:9:3]
    assert grid[::-1] == rows[::-1] == list(reversed(grid))
    assert grid != rows[:-1]
    assert (rows[5] in grid, grid.index(rows[5]), grid.count(rows[5])) == (True, 5, 1)
    rows[0]["c"] = 99  # a point is a copy
    assert grid[0]["c"] == 8


def test_default_grid_points():
    assert Float(1e-3, 1e-1, log=True).points() == (1e-3, 1e-2, 1e-1)
    assert Integer(1, 5).points() == (1, 2, 3, 4, 5)
    assert Integer(0, 100).points() == (0, 50, 100)
    assert Float(2, 2).points() == (2.0,)


def test_samples_repeat_with_the_seed():
    first, second = (SPACE.sample(5, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert first != SPACE.sample(5, np.random.default_rng(4))
    for hparams in first:
        assert SPACE.decode(SPACE.encode(hparams)) == hparams


def test_spaces_survive_their_dict_form():
    again = Space.from_dict(SPACE.to_dict())
    assert again == SPACE
    assert hash(again) == hash(SPACE)
    assert again != Space(
        dict(reversed(list(SPACE.items())))
    )  # the order is that of the coordinates


@pytest.mark.parametrize(
    ("hparams", "message"),
    [
        ({"lr": 0.01, "c": 8}, "bn: must be given"),
        ({"lr": 0.01, "c": 8, "bn": True, "lrr": 1}, "lrr: not in the space; did you mean 'lr'"),
        ({"lr": 0.01, "c": 25, "bn": True}, r"c: must be a number in \[8, 24\], got 25"),
        ({"lr": 0.01, "c": 8, "bn": np.ones(2)}, "bn: must be one of False, True, got array"),
        ({"lr": 0.01, "c": 8, "bn": "yes"}, "bn: must be one of False, True, got 'yes'"),
    ],
)
def test_encode_names_the_mistake(hparams, message):
    with pytest.raises(ConfigError, match=message):
        SPACE.encode(hparams)


def test_decode_names_the_mistake():
    with pytest.raises(ConfigError, match=r"shape \[3\], got \[2\]"):
        SPACE.decode([0.5, 0.5])
    with pytest.raises(ConfigError, match="must be a list of numbers, got None"):
        SPACE.decode(None)
    with pytest.raises(ConfigError, match=r"lr: a coordinate .* got 'x'"):
        SPACE.decode(["x", 0, 0])
    with pytest.raises(ConfigError, match=r"n must be an integer >= 0, got -1"):
        SPACE.sample(-1, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"c: a coordinate .* got nan"):
        SPACE.decode([0.5, math.nan, 0.5])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "float", "lo": 1, "high": 2}, "space.x.lo: unknown key; did you mean 'low'"),
        ({"type": "flaot", "low": 1, "high": 2}, "space.x.type: must be one of float, int, choice"),
        ({"low": 1, "high": 2}, "space.x.type: must be one of .*, got None"),
        ({"type": "int", "low": 1}, "space.x.high: must be given"),
        ({"type": "int", "low": 3, "high": 1}, "space.x: low must be <= high"),
        ([1, 2], "space.x: must be a mapping"),
        ({"type": ["int"], "low": 1, "high": 2}, r"space.x.type: .* got \['int'\]"),
        ({"choices": [1], 3: 4}, "space.x: a key must be text, got 3"),
        ({"choices": [1, [2]]}, "space.x: a choice must be"),
    ],
)
def test_entry_specs_name_the_mistake(spec, message):
    with pytest.raises(ConfigError, match=message):
        Space.from_dict({"x": spec})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Space([("lr", 1)]), "at least one hparam"),
        (lambda: Space({1: Float(0, 1)}), "name of an hparam must be text, got 1"),
        (lambda: Space({}), "at least one hparam"),
        (lambda: Space({"lr": (0, 1)}), "lr: must be Float, Integer or Categorical"),
    ],
)
def test_what_is_no_space_is_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
