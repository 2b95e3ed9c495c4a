"""The named strategies. Optuna and evosax are imported only when one of theirs is made."""

import zlib
from collections.abc import Mapping
from typing import Any

from hptjax.errors import ConfigError
from hptjax.space import Space
from hptjax.strategies.base import Strategy

STRATEGIES = ("des", "grid", "random", "tpe")


def make_strategy(
    name: str,
    space: Space,
    *,
    seed: int,
    evaluations: int,
    population_size: int | None = None,
    des: Mapping[str, Any] | None = None,
) -> Strategy:
    """A fresh strategy. evaluations: the budget it may count on; des: options of `des` only.

    population_size: rows of a DES generation where its options do not say how many (None: DES's
    own default); the other strategies take any batch.

    Raises: ConfigError for an unknown name or option.
    """
    if name == "des":
        from hptjax.strategies.des import DESStrategy

        return DESStrategy(space, seed, evaluations, des or {}, population_size)
    if name == "grid":
        from hptjax.strategies.grid import GridStrategy

        return GridStrategy(space)
    if name in ("random", "tpe"):
        from hptjax.strategies import optuna

        make = optuna.random_strategy if name == "random" else optuna.tpe_strategy
        return make(space, strategy_seed(name, seed))
    raise ConfigError(f"strategy must be one of {', '.join(STRATEGIES)}; got {name!r}.")


def strategy_seed(strategy: str, seed: int) -> int:
    """Seed of a strategy's own draws: with the study's, TPE's first trials would be random
    search's.
    """
    return zlib.crc32(f"{strategy}/{seed}".encode())


def trial_key(strategy: str, number: int) -> int:
    """The number, below 2^31, from which a trial's random keys derive.

    It depends on the strategy's name and the trial's number in it, and not on which other
    strategies a study runs: a strategy alone has the same history as among others.
    """
    return (zlib.crc32(strategy.encode()) & 0x7F) << 24 | number
