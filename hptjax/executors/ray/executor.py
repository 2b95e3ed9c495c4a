"""The executor that trains on Ray."""

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hptjax.executors.base import Resident
from hptjax.executors.ray.crew import Crew
from hptjax.executors.ray.population import RayPopulation
from hptjax.population import Member


class RayExecutor:
    """Trains on the workers of a crew."""

    def __init__(
        self, crew: Crew, max_retries: int, notify: Callable[[str], None] = lambda text: None
    ) -> None:
        """max_retries: how often a member may lose its worker before it is lost itself."""
        self._crew, self._max_retries, self._notify = crew, max_retries, notify
        self._numbers = itertools.count()

    def rounding(self) -> Mapping[str, str | bool] | None:
        return self._crew.rounding or None

    def start(self, members: Sequence[Member]) -> Resident:
        return self._population(members, None, 0)

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        return self._population(members, arrays, age)

    def _population(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray] | None, age: int
    ) -> RayPopulation:
        number = next(self._numbers)
        population = RayPopulation(
            self._crew, number, members, arrays, age, self._max_retries, self._notify
        )
        weakref.finalize(population, _drop, self._crew, number).atexit = False
        return population


def _drop(crew: Crew, number: int) -> None:
    for hand in crew.ready:
        hand.actor.drop.remote(number)
