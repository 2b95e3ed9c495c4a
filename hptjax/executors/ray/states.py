"""The saved states of members, from which any worker can resume them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hptjax.executors.joined import join_arrays
from hptjax.executors.ray.worker import Arrival
from hptjax.population import Member

RATE = 2e8  # bytes per second of a transfer, before the first is measured


class States:
    """The saved states of a population's members, by their numbers."""

    def __init__(self) -> None:
        self._saved: dict[int, tuple[int, dict[str, np.ndarray]]] = {}

    def put(self, ids: Sequence[int], arrays: Mapping[str, np.ndarray], age: int) -> None:
        """Saves copies, since Ray's arrays are memory of its store. arrays: {name: [ids, ...]}."""
        for row, k in enumerate(ids):
            self._saved[k] = age, {name: array[row].copy() for name, array in arrays.items()}

    def age(self, k: int) -> int | None:
        """The age of a member's saved state; None if there is none."""
        return self._saved[k][0] if k in self._saved else None

    def joined(self, ids: Sequence[int], places: Sequence[int], count: int) -> dict:
        """A snapshot {name: [count, ...]} with these members at these places, zeros elsewhere."""
        rows = (self._saved[k][1] for k in ids)
        parts = [
            ({name: array[None] for name, array in row.items()}, [place])
            for row, place in zip(rows, places, strict=True)
        ]
        return join_arrays(parts, count)

    def arrivals(self, ids: Sequence[int], members: Sequence[Member]) -> list[Arrival]:
        """The arrivals of these members at a worker, grouped by age; members: all members."""
        ages: dict[int | None, list[int]] = defaultdict(list)
        for k in ids:
            ages[self.age(k)].append(k)
        return [
            Arrival(
                own,
                [members[k] for k in own],
                age or 0,
                None if age is None else self.joined(own, range(len(own)), len(own)),
            )
            for age, own in ages.items()
        ]
