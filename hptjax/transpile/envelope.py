"""Which networks a space can produce: what the engine plans its compilation from."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from hptjax._types import Hparams
from hptjax.config.geometry import ImageSpec
from hptjax.config.schema import ModelConfig
from hptjax.entries import Categorical, Entry, Float, Integer, Value
from hptjax.space import Space
from hptjax.transpile.repair import candidate
from hptjax.transpile.table import find


def envelope(
    base: ModelConfig,
    space: Space,
    image: ImageSpec,
    *,
    limit: int = 64,
    samples: int = 512,
    seed: int = 0,
) -> list[ModelConfig]:
    """Repaired configs without repeats: the widest of every static combination, then random points.

    With more than `limit` static combinations only those that occur among the `samples` points are
    covered. What cannot be built is left out, so the list may be empty. The same arguments give the
    same list.
    """
    drawn = space.sample(samples, np.random.default_rng(seed))
    count = math.prod(_count(space[name]) for name in _static_names(base, space))
    rows = _all_static(base, space) if count <= limit else _seen_static(base, space, drawn)
    widest = _widest(base, space)
    configs = (
        candidate(base, hparams, image).config
        for hparams in itertools.chain(({**widest, **row} for row in rows), drawn)
    )
    return list(dict.fromkeys(config for config in configs if config is not None))


def _static_names(base: ModelConfig, space: Space) -> list[str]:
    return [name for name in space.names if find(name, base).rule.kind == "static"]


def _count(entry: Entry) -> int:
    return len(entry) if not isinstance(entry, Float) else len(_rounded(entry))


def _rounded(entry: Float) -> range:
    """The integers that a real number becomes when rounded."""
    return range(math.floor(entry.low + 0.5), math.floor(entry.high + 0.5) + 1)


def _values(entry: Entry) -> tuple[Value, ...]:
    if isinstance(entry, Categorical):
        return tuple(entry.choices)
    if isinstance(entry, Integer):
        return tuple(range(entry.low, entry.high + 1, entry.step))
    return tuple(_rounded(entry))


def _all_static(base: ModelConfig, space: Space) -> Iterator[dict[str, Value]]:
    names = _static_names(base, space)
    for row in itertools.product(*(_values(space[name]) for name in names)):
        yield dict(zip(names, row, strict=True))


def _seen_static(
    base: ModelConfig, space: Space, drawn: list[dict[str, Value]]
) -> Iterator[dict[str, Value]]:
    names = _static_names(base, space)
    seen = dict.fromkeys(tuple(hparams[name] for name in names) for hparams in drawn)
    return (dict(zip(names, row, strict=True)) for row in seen)


def _widest(base: ModelConfig, space: Space) -> Hparams:
    """Hparams with every width at its largest; the traced ones may be anything."""
    widest = {}
    for name, entry in space.items():
        if find(name, base).rule.kind == "width" and isinstance(entry, Categorical):
            widest[name] = max(entry.choices, key=float)
        else:
            widest[name] = entry.from_unit(1.0)
    return widest
