"""Weights of trials that end before their generation does, and may yet be among the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Spared:
    """Those of a generation in training; a member's weights are gone once it is let go.

    most: how many of the best trials of a study are kept; known: what the searchers were told of
    the best ones of the generations before, lower is better.
    """

    most: int
    known: Sequence[float] = ()
    weights: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _ranks: list[tuple[float, int]] = field(default_factory=list)

    def wants(self, told: float, trial: int) -> bool:
        """Whether a trial may be one of the best: of equals the earlier one is."""
        ahead = sum(value <= told for value in self.known)
        return ahead + sum(rank < (told, trial) for rank in self._ranks) < self.most

    def take(self, told: float, trial: int, weights: Mapping[str, Any]) -> None:
        """Keeps the weights of a trial, and those of no more trials than may be of the best."""
        self.weights[trial] = weights
        self._ranks = sorted([*self._ranks, (told, trial)])
        for _, other in self._ranks[self.most :]:
            del self.weights[other]
        del self._ranks[self.most :]
