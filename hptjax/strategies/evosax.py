"""Any evosax algorithm as a searcher on the unit cube of a space."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from evosax.algorithms.base import EvolutionaryAlgorithm
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

from hptjax.space import Space
from hptjax.strategies.base import Proposal, worst_if_failed


class EvosaxSearcher:
    """Hands out the rows of one evosax generation in pieces, and tells it when all are in.

    algorithm: over solutions [D]; rows outside the unit cube are clipped to it. A population-based
    algorithm gets its first population drawn uniformly. start: first point [D] of the unit cube.
    """

    def __init__(
        self,
        space: Space,
        algorithm: EvolutionaryAlgorithm,
        seed: int,
        *,
        params: Any = None,
        start: np.ndarray | None = None,
    ) -> None:
        self._space, self._algorithm = space, algorithm
        self._params = algorithm.default_params if params is None else params
        self._key, key_init = jax.random.split(jax.random.key(seed))
        self._needs_first = isinstance(algorithm, PopulationBasedAlgorithm)
        self._state: Any = None if self._needs_first else self._initial_state(key_init, start)
        self._rows = np.zeros((0, len(space)))
        self._values = np.zeros(0)
        self._queue: list[int] = []
        self._waiting = 0

    def _initial_state(self, key: jax.Array, start: np.ndarray | None) -> Any:
        mean = np.full(len(self._space), 0.5, np.float32) if start is None else start
        return self._algorithm.init(key, mean, self._params)  # pyright: ignore[reportCallIssue]

    def ask(self, count: int) -> list[Proposal]:
        if not self._queue and not self._waiting:
            self._begin_generation()
        rows, self._queue = self._queue[:count], self._queue[count:]
        self._waiting += len(rows)
        return [self._propose(row) for row in rows]

    def _propose(self, row: int) -> Proposal:
        point = np.clip(np.asarray(self._rows[row], dtype=np.float64), 0.0, 1.0)
        return Proposal(self._space.decode(point), tuple(point.tolist()), row)

    def _next_key(self) -> jax.Array:
        self._key, key = jax.random.split(self._key)
        return key

    def _begin_generation(self) -> None:
        if self._needs_first:
            shape = (self._algorithm.population_size, len(self._space))
            self._rows = np.asarray(jax.random.uniform(self._next_key(), shape))
        else:
            rows, self._state = self._algorithm.ask(self._next_key(), self._state, self._params)
            self._rows = np.asarray(rows)
        self._values = np.full(len(self._rows), np.inf)
        self._queue = self._wanted_rows()

    def _wanted_rows(self) -> list[int]:
        """The rows that need evaluating: all of them, unless the algorithm knows better."""
        return list(range(len(self._rows)))

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        for proposal, value in zip(proposals, values, strict=True):
            self._values[proposal.handle] = worst_if_failed(value)
        self._waiting -= len(proposals)
        if not self._queue and not self._waiting:
            self._end_generation()

    def _end_generation(self) -> None:
        fitness = self._values.astype(np.float32)
        if self._needs_first:
            self._state = self._algorithm.init(  # pyright: ignore[reportCallIssue]
                self._next_key(), self._rows, fitness, self._params
            )
            self._needs_first = False
        else:
            self._state, _ = self._algorithm.tell(
                self._next_key(), self._rows, fitness, self._state, self._params
            )
