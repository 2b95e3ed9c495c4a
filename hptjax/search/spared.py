"""The weights of trials that end before their generation, and may yet be among the best."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Spared:
    """The spared weights of a generation in training: a dropped member loses its weights.

    most: how many best trials of a study are kept. known: the fitness of the best trials of earlier
    generations; lower is better. repeated: trials whose network another trial has, too. Only one of
    these may be among the best, and only the end shows which: they take no places from others.
    """

    most: int
    known: Sequence[float] = ()
    repeated: Container[int] = ()
    weights: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _ranks: list[tuple[float, int]] = field(default_factory=list)

    def wants(self, told: float, trial: int) -> bool:
        """Whether a trial may be one of the best; the earlier of equals is better."""
        ahead = sum(value <= told for value in self.known)
        return ahead + sum(rank < (told, trial) for rank in self._ranks) < self.most

    def take(self, told: float, trial: int, weights: Mapping[str, Any]) -> None:
        """Keeps the weights of a trial; drops those of trials that cannot be among the best."""
        self.weights[trial] = weights
        if trial in self.repeated:
            return
        self._ranks = sorted([*self._ranks, (told, trial)])
        for _, other in self._ranks[self.most :]:
            del self.weights[other]
        del self._ranks[self.most :]
