"""Grid search: every grid point of the space once, in the space's order."""

from collections.abc import Sequence

import numpy as np

from hptjax.config.schema import Frozen
from hptjax.space import Space
from hptjax.strategies.base import Proposal, SearchContext


class Options(Frozen):
    """Grid search has no options: the space's entries say their grid points."""


def make(context: SearchContext, options: Options) -> "GridSearcher":
    return GridSearcher(context.space)


class GridSearcher:
    """Visits the points of `Space.grid()` in order; over when all have been asked for."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._points = space.grid()
        self._next = 0

    def ask(self, count: int) -> list[Proposal]:
        points = self._points[self._next : self._next + count]
        self._next += len(points)
        return [Proposal(point, tuple(self._space.encode(point).tolist())) for point in points]

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """A grid learns nothing."""
