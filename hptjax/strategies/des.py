"""DES (Arabas & Jagodzinski 2020) as a strategy; the algorithm itself is `hptjax.des`."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from hptjax._types import Hparams
from hptjax.des.algorithm import DES
from hptjax.errors import ConfigError
from hptjax.space import Space
from hptjax.strategies.base import Proposal
from hptjax.strategies.evosax import EvosaxStrategy

OPTIONS = ("preset", "start", "offspring", "midpoint")
MAX_IDLE_GENERATIONS = 1000  # all rows infeasible: only the non-Lamarckian bound modes can do that


class DESStrategy(EvosaxStrategy):
    """DES on the unit cube: a generation is its offspring and, as one row more, the midpoint.

    seed: of its keys; evaluations: the budget, after which it is over. options: `preset`, `start`
    (hparams of the first point), `offspring` (per generation), `midpoint` (bool). population_size:
    rows of a generation with the midpoint, unless `offspring` is given; None: 4 D and the midpoint.
    Raises: ConfigError for an unknown or unusable option.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        evaluations: int,
        options: Mapping[str, Any],
        population_size: int | None = None,
    ) -> None:
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise ConfigError(
                f"des has no option {unknown[0]!r}; its options: {', '.join(OPTIONS)}."
            )
        midpoint = bool(options.get("midpoint", True))
        offspring = options.get("offspring")
        algorithm = DES(
            population_size if offspring is None else int(offspring) + midpoint,
            jnp.zeros(len(space)),
            preset=options.get("preset", "release"),
            budget=evaluations,
            midpoint=midpoint,
        )
        start = options.get("start")
        super().__init__(space, algorithm, seed, start=_start_point(space, start))

    def _initial_state(self, key: Any, start: np.ndarray | None) -> Any:
        return self._algorithm.init(key, start, self._params)  # None is not the same as the centre

    def ask(self, count: int) -> list[Proposal]:
        if bool(self._state.stopped):
            return []
        return super().ask(count)

    def _begin_generation(self) -> None:
        for _ in range(MAX_IDLE_GENERATIONS):
            super()._begin_generation()
            if self._queue:
                return
            self._end_generation()

    def _wanted_rows(self) -> list[int]:
        return [int(row) for row in np.flatnonzero(np.asarray(self._state.counted))]


def _start_point(space: Space, start: Hparams | None) -> np.ndarray | None:
    if start is None:
        return None
    missing = [name for name in space.names if name not in start]
    if missing:
        raise ConfigError(f"des.start must give every hparam of the space; missing: {missing[0]}.")
    return np.asarray(space.encode({name: start[name] for name in space.names}), np.float32)
