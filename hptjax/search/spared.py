"""Weights of trials that end before their generation does, and may yet be among the best."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Spared:
    """Those of a generation in training; a member's weights are gone once it is let go.

    most: how many of the best trials of a study are kept; known: what the searchers were told of
    the best ones of the generations before, lower is better; repeated: trials whose network others
    have, too. Of these one alone may be the best, and which one shows at the end: they take no
    place from others.
    """

    most: int
    known: Sequence[float] = ()
    repeated: Container[int] = ()
    weights: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _ranks: list[tuple[float, int]] = field(default_factory=list)

    def wants(self, told: float, trial: int) -> bool:
        """Whether a trial may be one of the best: of equals the earlier one is."""
        ahead = sum(value <= told for value in self.known)
        return ahead + sum(rank < (told, trial) for rank in self._ranks) < self.most

    def take(self, told: float, trial: int, weights: Mapping[str, Any]) -> None:
        """Keeps the weights of a trial, and those of no more others than may be of the best."""
        self.weights[trial] = weights
        if trial in self.repeated:
            return
        self._ranks = sorted([*self._ranks, (told, trial)])
        for _, other in self._ranks[self.most :]:
            del self.weights[other]
        del self._ranks[self.most :]
