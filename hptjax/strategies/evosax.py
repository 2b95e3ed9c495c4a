"""Any evosax algorithm as a searcher on the unit cube of a space."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from evosax.algorithms.base import EvolutionaryAlgorithm
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

from hptjax.glossary import Hparams
from hptjax.settings import fixed_settings, named_key
from hptjax.space import Space
from hptjax.strategies.base import Proposal, proposal_at, worst_if_failed

LARGEST = 1e15  # its square still fits float32: algorithms compute variances


class EvosaxSearcher:
    """Gives the rows of an evosax generation in pieces, and tells evosax when all values are in.

    algorithm: an algorithm over solutions [D]. Rows outside the unit cube are reflected into it,
    and the algorithm is told the reflected rows: each value then belongs to the point where it was
    measured, populations hold only points that exist, and means stay inside. A population-based
    algorithm gets a first population drawn uniformly. start: the first point [D] of the unit cube.
    first: hparams that replace the first rows of the algorithm. (MA_ES, LM_MA_ES, CR_FM_NES and
    xNES learn from their own draws: they take a value for that of the replaced draw.)
    """

    def __init__(
        self,
        space: Space,
        algorithm: EvolutionaryAlgorithm,
        seed: int,
        *,
        params: Any = None,
        start: np.ndarray | None = None,
        first: Sequence[Hparams] = (),
    ) -> None:
        self._space, self._algorithm = space, algorithm
        self._params = algorithm.default_params if params is None else params
        self._key, key_init = jax.random.split(named_key(seed))
        self._needs_first = isinstance(algorithm, PopulationBasedAlgorithm)
        self._state: Any = None if self._needs_first else self._initial_state(key_init, start)
        self._rows = np.zeros((0, len(space)))
        self._first = [space.encode(hparams) for hparams in first]
        self._known: list[float] = []  # best and worst value so far
        self._values = np.zeros(0)
        self._queue: list[int] = []
        self._waiting = 0

    def _initial_state(self, key: jax.Array, start: np.ndarray | None) -> Any:
        mean = np.full(len(self._space), 0.5, np.float32) if start is None else start
        return self._algorithm.init(key, mean, self._params)  # pyright: ignore[reportCallIssue]

    @fixed_settings()
    def ask(self, count: int) -> list[Proposal]:
        if not self._queue and not self._waiting:
            self._begin_generation()
        rows, self._queue = self._queue[:count], self._queue[count:]
        self._waiting += len(rows)
        return [self._propose(row) for row in rows]

    def _propose(self, row: int) -> Proposal:
        return proposal_at(self._space, self._rows[row], row)

    def _next_key(self) -> jax.Array:
        self._key, key = jax.random.split(self._key)
        return key

    def _begin_generation(self) -> None:
        if self._needs_first:
            shape = (self._algorithm.population_size, len(self._space))
            rows = jax.random.uniform(self._next_key(), shape)
        else:
            rows, self._state = self._algorithm.ask(self._next_key(), self._state, self._params)
        self._rows = reflect(np.asarray(rows, dtype=np.float64))
        self._put_first(len(self._rows))
        self._values = np.full(len(self._rows), np.inf)
        self._queue = self._wanted_rows()

    def _put_first(self, places: int) -> int:
        """Puts points to be tried first into the rows, in order; returns how many."""
        points, self._first = self._first[:places], self._first[places:]
        for row, point in enumerate(points):
            self._rows[row] = point
        return len(points)

    def _wanted_rows(self) -> list[int]:
        """The rows that need evaluating: all, unless the algorithm overrides this."""
        return list(range(len(self._rows)))

    @fixed_settings()
    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        for proposal, value in zip(proposals, values, strict=True):
            self._values[proposal.handle] = worst_if_failed(value)
        self._waiting -= len(proposals)
        if not self._queue and not self._waiting:
            self._end_generation()

    def _end_generation(self) -> None:
        fitness = self._fitness()
        if fitness is None:
            return
        rows = self._rows.astype(np.float32)
        if self._needs_first:
            self._state = self._algorithm.init(  # pyright: ignore[reportCallIssue]
                self._next_key(), rows, fitness, self._params
            )
            self._needs_first = False
        else:
            self._state, _ = self._algorithm.tell(
                self._next_key(), rows, fitness, self._state, self._params
            )

    def _fitness(self) -> np.ndarray | None:
        """The fitness [rows] for the algorithm; None if every row failed, which teaches nothing.

        A failed row gets a value worse than all so far, by the range of all so far: many algorithms
        compute with the values, and one infinity would make all their rows NaN.
        """
        failed = ~np.isfinite(self._values)
        values = np.clip(self._values, -LARGEST, LARGEST)
        if failed.all():
            return None
        self._known += [values[~failed].min(), values[~failed].max()]
        self._known = [min(self._known), max(self._known)]
        best, worst = self._known
        return np.where(failed, 2 * worst - best, values).astype(np.float32)


def reflect(points: np.ndarray) -> np.ndarray:
    """Points [..., D] mirrored at the faces of the unit cube until they are inside.

    Points inside stay exactly as they are; NaN and infinities go to the middle.
    """
    points = np.where(np.isfinite(points), points, 0.5)
    inside = (points >= 0) & (points <= 1)
    return np.where(inside, points, 1.0 - np.abs(1.0 - points % 2.0))
