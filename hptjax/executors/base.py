"""The contract of executors, which train members and return plain arrays and costs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hptjax.population.pack import Member
from hptjax.population.resident import Outcome


class Resident(Protocol):
    """Members of one age that an executor holds, on this machine or elsewhere."""

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        """Trains all members for `epochs` epochs, or for as many as are predicted to end in time.

        seconds: the time left. The outcome may hold fewer epochs than asked for, possibly none.
        """
        ...

    def keep(self, chosen: Sequence[int]) -> None:
        """Drops all members except these, which take the places 0, 1, ... in the given order."""
        ...

    def mark(self, chosen: Sequence[int]) -> None:
        """Keeps the present weights of some members, instead of those kept before.

        Called only if a study judges trials by their best epoch.
        """
        ...

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        """The weights of member k at its exact shape, in the form of its Flax module.

        marked: whether to return the weights from its last mark; it must have been marked.
        """
        ...

    def snapshot(self) -> Mapping[str, np.ndarray]:
        """The whole state of the training, {name: [P, ...]}; `restore` continues from it exactly.

        It includes the marked weights, if any.
        """
        ...


class Executor(Protocol):
    """Trains populations; the result of a member depends on nothing but the member.

    On processors of one kind, its place, the other members, the devices and the workers do not
    change a single bit of it.
    """

    def start(self, members: Sequence[Member]) -> Resident:
        """Returns the members with their initial weights."""
        ...

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        """Returns the members in the state of a snapshot; age: the epochs they had been trained."""
        ...


@runtime_checkable
class TellsRounding(Protocol):
    """An executor that knows the facts that decide the rounding of its results."""

    def rounding(self) -> Mapping[str, str | bool] | None:
        """The facts of `records.environment.rounding_facts`; None if they are not known yet."""
        ...
