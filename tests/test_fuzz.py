"""Thousands of broken models and spaces: a result that obeys the laws, or a ConfigError."""

import copy
import itertools
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hptjax.checks import is_number
from hptjax.config.geometry import ImageSpec
from hptjax.config.load import load_model_config, load_space
from hptjax.config.schema import ModelConfig
from hptjax.config.yaml_file import parse_yaml
from hptjax.entries import Categorical
from hptjax.errors import ConfigError
from hptjax.space import Space
from hptjax.transpile import apply_hparams, hparam_names, repair

CONFIGS = Path(__file__).parents[1] / "configs"
MODELS = [load_model_config(CONFIGS / name).to_dict() for name in ("model.yaml", "big_model.yaml")]
SPACES = [load_space(path).to_dict() for path in sorted(CONFIGS.glob("space_*.yaml"))]
IMAGE = ImageSpec(28, 28, 1, 10)


def nested(kind: type, depth: int) -> Any:
    """A list in a list in a list ..., or a dict under the key `model` of a dict ..."""
    inner: Any = kind()
    for _ in range(depth):
        inner = [inner] if kind is list else {"model": inner}
    return inner


LEAVES: list[Any] = [
    *(0, 1, -1, 2, 3, 5, 7, 64, 10**9, 2**31 - 1, 2**31, 2**40, 2**50, 2**53, -(2**53)),
    *(2**53 + 1, 10**30, -(10**30), 10**400, 10**5000, True, False, None),
    *(0.0, -0.0, 0.1, 0.5, 0.999, 1.0, 1.5, 2.5, 1e-3, 1e-12, 1e-310, 5e-324, 1 + 1e-15, 1 + 1e-5),
    *(1e15, 1e300, 1e301, -1e300, 1e308, -1e308, math.nan, math.inf, -math.inf, 1j),
    *("", "same", "relu", "None", "none", "int", "float", "choice", "1", "\ud800", "\0", "é" * 99),
    *(b"x", bytearray(b"y"), (), [], {}, set(), frozenset({1}), range(3), range(10**12), object()),
    *(
        [1, 1.0],
        [1, True],
        [[1]],
        [{"a": 1}],
        [None],
        ["a", 1, 2.5],
        [0.01, 0.1],
        (1, 2),
        {"low": 1},
    ),
    *(
        np.int8(100),
        np.int64(3),
        np.uint64(2**64 - 1),
        np.float16(3),
        np.float32(0.1),
        np.str_("same"),
    ),
    *(np.float64(math.nan), np.longdouble("1e400"), np.bool_(True), np.ones(2), np.array(0.5)),
    *(np.datetime64("2020-01-01"), np.timedelta64(1), nested(list, 5), nested(list, 50_000)),
    nested(dict, 50_000),
]
KEYS: list[Any] = [
    *("low", "high", "log", "step", "grid", "choices", "type", "lr", "padding", "model", ""),
    *(0, -1, None, True, 1.5, math.nan, b"low", (1, 2), 10**5000, "\ud800", "x" * 10_000),
]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) of a tree of dicts and lists, few levels deep."""
    found, level = [], [tree]
    for _ in range(6):
        level = [x for x in level if isinstance(x, dict | list)]
        pairs = [(x, key) for x in level for key in (x if isinstance(x, dict) else range(len(x)))]
        found += pairs
        level = [holder[key] for holder, key in pairs]
    return found


def mutated(tree: Any, rng: random.Random) -> Any:
    """A copy with one to four values replaced, dropped, doubled, moved or given a strange key."""
    root = {"root": copy.deepcopy(tree)}
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        holder, key = rng.choice(places(root))
        action = rng.randrange(7)
        if action <= 2:
            holder[key] = rng.choice(LEAVES)
        elif action == 3 and holder is not root:
            del holder[key]
        elif action == 4:
            holder[key] = copy.copy(rng.choice(places(root)))[0]  # may hold itself
        elif action == 5 and isinstance(holder[key], dict):
            holder[key][rng.choice(KEYS)] = rng.choice(LEAVES)
        elif isinstance(holder[key], list):
            holder[key] = rng.choice((holder[key] * 2, tuple(holder[key]), [holder[key]]))
        elif is_number(holder[key]):
            holder[key] = holder[key] * rng.choice((-1, 0, 0.5, 2, 3, 10**9))
    return root["root"]


def result_or_mistake(function: Any, *args: Any) -> Any:
    """None for a ConfigError, which must have a text that can be printed."""
    try:
        return function(*args)
    except ConfigError as error:
        text = str(error)
    text.encode()
    assert 10 < len(text) < 3000
    return None


@pytest.mark.parametrize("seed", range(3))
def test_broken_models(seed):
    rng, built = random.Random(seed), 0
    for _ in range(1000):
        config = result_or_mistake(ModelConfig.from_dict, mutated(rng.choice(MODELS), rng))
        if config is None:
            continue
        assert ModelConfig.from_dict(config.to_dict()) == config
        hash(config)
        repaired = result_or_mistake(repair, config, IMAGE)
        if repaired is not None:
            built += 1
            assert repair(repaired.config, IMAGE).changes == ()
            assert ModelConfig.from_dict(repaired.config.to_dict()) == repaired.config
    assert 100 < built < 900  # neither all broken nor all sound


@pytest.mark.parametrize("seed", range(3))
def test_broken_spaces(seed):
    rng, built = random.Random(seed), 0
    for _ in range(1000):
        space = result_or_mistake(Space.from_dict, mutated(rng.choice(SPACES), rng))
        if space is not None:
            built += 1
            check_space(space, rng)
    assert 100 < built < 900


def check_space(space: Space, rng: random.Random) -> None:
    """The laws of decode, encode, sample, grid and the dict form."""
    again = Space.from_dict(space.to_dict())
    assert again == space
    assert hash(again) == hash(space)
    points = [[x] * len(space) for x in (0.0, 1.0)]
    points += [[rng.random() for _ in space] for _ in range(3)]
    decoded = [space.decode(u) for u in points]
    for hparams in decoded + space.sample(2, np.random.default_rng(0)):
        for name, value in hparams.items():
            entry = space[name]
            assert type(value) in (bool, int, float, str)
            if isinstance(entry, Categorical):
                assert value in entry.choices
            else:
                assert entry.low <= value <= entry.high
        point = space.encode(hparams)
        assert ((point >= 0) & (point <= 1)).all()
        assert space.decode(point) == hparams
    grid = space.grid()
    assert grid.size == space.grid_size() >= 1
    for hparams in itertools.islice(grid, 3):
        space.encode(hparams)
    space.encode(grid[-1])


def test_broken_hparams_and_points():
    rng = random.Random(0)
    base = ModelConfig.from_dict(MODELS[0])
    space = Space.from_dict(SPACES[-1])
    names = [*hparam_names(base), *KEYS]
    for leaf in LEAVES:
        result_or_mistake(apply_hparams, base, leaf)
        result_or_mistake(space.encode, leaf)
        result_or_mistake(space.decode, leaf)
        result_or_mistake(space.decode, [leaf] * len(space))
        for name in names:
            result_or_mistake(apply_hparams, base, {name: leaf})
        for entry in space.values():
            result_or_mistake(entry.from_unit, leaf)
            result_or_mistake(entry.to_unit, leaf)
            result_or_mistake(entry.check, leaf)
        hparams = {**space.decode([rng.random() for _ in space]), rng.choice(KEYS): leaf}
        result_or_mistake(space.encode, hparams)


def test_broken_yaml():
    rng = random.Random(0)
    text = (CONFIGS / "space_trial1.yaml").read_text()
    pieces = ["[", "]", "{", "}", ":", "'", "=", "0o9", "1:99", "2024-13-45", "*a"]
    pieces += ["- ", "&a ", "!!int ", "!!timestamp x", "!!binary x", "? ", "<<: 1\n", "\0", "\t"]
    pieces += ["9" * 5000, "[" * 2000]
    for _ in range(100):
        at, end = sorted(rng.randrange(len(text)) for _ in range(2))
        broken = text[:at] + rng.choice(pieces) + text[min(end, at + rng.randrange(9)) :]
        tree = result_or_mistake(parse_yaml, broken, "broken.yaml")
        result_or_mistake(Space.from_dict, tree)


def extreme_number(rng: random.Random) -> float:
    """Any magnitude that a float can have, subnormal ones and whole ones too."""
    number = rng.uniform(1, 10) * 10.0 ** rng.randint(-322, 299)
    return rng.choice((number, -number, 0.0, float(rng.randint(-9, 9)), rng.random()))


def extreme_entry(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.5:
        low = extreme_number(rng)
        widths = (extreme_number(rng), abs(low) * 10.0 ** rng.randint(-18, 3), 5e-324)
        return {
            "type": "float",
            "low": low,
            "high": low + abs(rng.choice(widths)),
            "log": rng.random() < 0.5,
        }
    step = rng.choice((1, 1, 2, 3, 10**6, 2**40))
    low = rng.choice((0, 1, -1, 1)) * rng.randint(1, 2 ** rng.randint(1, 53))
    high = low + step * rng.randint(0, 2 ** rng.randint(0, 52))
    return {"type": "int", "low": low, "high": high, "step": step, "log": rng.random() < 0.3}


def test_extreme_ranges():
    rng, built = random.Random(0), 0
    for _ in range(3000):
        space = result_or_mistake(Space.from_dict, {"x": extreme_entry(rng)})
        if space is not None:
            built += 1
            check_space(space, rng)
    assert 1000 < built < 2900
