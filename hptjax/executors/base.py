"""The contract of what trains members: plain arrays out, and what they cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hptjax.population.pack import Member
from hptjax.population.resident import Outcome


class Resident(Protocol):
    """Members of one age that an executor holds, on this machine's devices or elsewhere."""

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        """Trains all members for some epochs, or for those of them predicted to end in time.

        The outcome then holds fewer epochs than asked for, possibly none.
        """
        ...

    def keep(self, chosen: Sequence[int]) -> None:
        """Lets all members go but these, which take the places 0, 1, ... in the order given."""
        ...

    def mark(self, chosen: Sequence[int]) -> None:
        """Notes the present weights of some members, in the place of those noted before.

        Called only where a study judges trials by their best epoch.
        """
        ...

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        """Weights of member k at its exact shape, in the form of its Flax module.

        marked: those that it had when it was marked last, of one that was.
        """
        ...

    def snapshot(self) -> Mapping[str, np.ndarray]:
        """All that training changed, {name: [P, ...]}; `restore` goes on from it exactly.

        What was marked is in it, once anything was.
        """
        ...


class Executor(Protocol):
    """Trains populations. What a member becomes depends on nothing but the member.

    Not on its place, the others, the devices or the workers: on processors of one kind not in any
    bit.
    """

    def start(self, members: Sequence[Member]) -> Resident:
        """Members with their initial weights."""
        ...

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        """Members as a snapshot has them, taken when they were so many epochs old."""
        ...


@runtime_checkable
class TellsRounding(Protocol):
    """An executor that knows what decides the rounding of what it trains."""

    def rounding(self) -> Mapping[str, str | bool] | None:
        """By name, as `records.environment.rounding_facts`; None where it is not known yet."""
        ...
