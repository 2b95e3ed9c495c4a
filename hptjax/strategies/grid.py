"""Grid search: every grid point of the space once, in the space's order."""

from collections.abc import Sequence

import numpy as np

from hptjax.config.schema import Frozen
from hptjax.glossary import Hparams
from hptjax.space import Space
from hptjax.strategies.base import Proposal, SearchContext, identity, proposal_at


class Options(Frozen):
    """Grid search has no options: the space's entries say their grid points."""


def make(context: SearchContext, options: Options) -> "GridSearcher":
    return GridSearcher(context.space, context.first)


class GridSearcher:
    """Visits the points of `Space.grid()` in order; over when all have been asked for.

    first: hparams that come before the grid, which does not repeat them. The grid may be larger
    than memory: only slices of it are ever made.
    """

    def __init__(self, space: Space, first: Sequence[Hparams] = ()) -> None:
        self._space = space
        self._points = space.grid()
        self._first = [proposal_at(space, space.encode(hparams)) for hparams in first]
        self._tried = {identity(proposal.hparams) for proposal in self._first}
        self._next = 0

    def ask(self, count: int) -> list[Proposal]:
        asked, self._first = self._first[:count], self._first[count:]
        while missing := count - len(asked):
            points = self._points[self._next : self._next + missing]
            if not points:
                break
            self._next += len(points)
            asked += [
                new for new in map(self._at, points) if identity(new.hparams) not in self._tried
            ]
        return asked

    def _at(self, point: Hparams) -> Proposal:
        return Proposal(point, tuple(self._space.encode(point).tolist()))

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """A grid learns nothing."""
