"""DES (Arabas & Jagodzinski 2020) as a searcher; the algorithm itself is in `hptjax.des`."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from hptjax.des.algorithm import DES
from hptjax.des.state import INT_MAX
from hptjax.errors import ConfigError
from hptjax.glossary import Hparams
from hptjax.space import Space
from hptjax.strategies.base import SearchContext
from hptjax.strategies.des import Options
from hptjax.strategies.evosax import EvosaxSearcher

MAX_IDLE_GENERATIONS = (
    1000  # generations with infeasible rows only, which only non-Lamarckian bound modes make
)
UNKNOWN_BUDGET = 10**9  # evaluations; stagnation alone then decides on restarts


class DESSearcher(EvosaxSearcher):
    """DES on the unit cube: a generation is the offspring and, in one more row, the midpoint.

    The evaluations of the context decide only when it may restart: it goes on as long as it is
    asked. Raises ConfigError for an unusable start.
    """

    def __init__(self, context: SearchContext, options: Options) -> None:
        space, rows = context.space, context.population_size
        if options.offspring is not None:
            rows = options.offspring + options.midpoint
        algorithm = DES(
            rows,
            jnp.zeros(len(space)),
            preset=options.preset,
            budget=context.evaluations or UNKNOWN_BUDGET,
            midpoint=options.midpoint,
        )
        start, first = start_point(space, options.start), context.first
        if first and options.start is not None:  # the first points take the row of the start
            first = (*first, options.start)
        # a DES without a label of its own has the study's seed; another DES must draw other points
        seed = context.seed if context.label == "des" else context.own_seed
        params = algorithm.default_params.replace(budget=jnp.int32(INT_MAX))
        super().__init__(space, algorithm, seed, params=params, start=start, first=first)

    def _initial_state(self, key: Any, start: np.ndarray | None) -> Any:
        return self._algorithm.init(key, start, self._params)  # None is not the same as the centre

    def _begin_generation(self) -> None:
        for _ in range(MAX_IDLE_GENERATIONS):
            super()._begin_generation()
            if self._queue:
                return
            self._end_generation()

    def _put_first(self, places: int) -> int:
        """Puts the first points into the offspring only: the midpoint never breeds."""
        count = super()._put_first(len(self._state.genotypes))
        if count:
            old = self._state.genotypes
            self._state = self._state.replace(
                genotypes=old.at[:count].set(self._rows[:count].astype(old.dtype)),
                counted=self._state.counted.at[:count].set(~self._state.stopped),
            )
        return count

    def _fitness(self) -> np.ndarray:
        return self._values.astype(np.float32)  # DES handles failures itself

    def _wanted_rows(self) -> list[int]:
        return [int(row) for row in np.flatnonzero(np.asarray(self._state.counted))]


def start_point(space: Space, start: Hparams | None) -> np.ndarray | None:
    """The point [D] of the unit cube for hparams, which must include all active ones.

    Inactive ones may be given: DES moves in their coordinates, too.
    """
    if start is None:
        return None
    active = space.active(start)
    missing = [n for n in space.names if n not in start and space.is_active(n, active)]
    if missing:
        raise ConfigError(
            f"strategies.des.start: must give every hparam of the space; missing: {missing[0]}."
        )
    return np.asarray(space.encode({n: start[n] for n in space if n in start}), np.float32)
