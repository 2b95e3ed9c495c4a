"""Grid search: every grid point of the space once, in a random order or in the space's."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.glossary import Hparams
from hptjax.space import Space
from hptjax.strategies.base import Proposal, SearchContext, identity, proposal_at
from hptjax.strategies.permutation import Permutation

several = True  # this searcher takes several objectives


class Options(Frozen):
    """Options of `grid`; the entries of the space have the grid points.

    order: `shuffled`, so that a budget smaller than the grid still sees all parts of it, or
    `listed`, where the first hparam varies fastest.
    """

    order: Literal["shuffled", "listed"] = "shuffled"


def make(context: SearchContext, options: Options) -> "GridSearcher":
    seed = context.own_seed if options.order == "shuffled" else None
    return GridSearcher(context.space, context.first, seed=seed)


class GridSearcher:
    """Visits the points of `Space.grid()`; the search is over when all have been proposed.

    first: hparams that come before the grid, which does not repeat them. seed: the seed of the
    order; None keeps the order of the grid. The grid may be larger than memory: points are built
    when asked for.
    """

    def __init__(
        self, space: Space, first: Sequence[Hparams] = (), *, seed: int | None = None
    ) -> None:
        self._space = space
        self._points = space.grid()
        self._order = None if seed is None else Permutation(self._points.size, seed)
        self._first = [proposal_at(space, space.encode(hparams)) for hparams in first]
        self._tried = {identity(proposal.hparams) for proposal in self._first}
        self._next = 0

    def ask(self, count: int) -> list[Proposal]:
        asked, self._first = self._first[:count], self._first[count:]
        while len(asked) < count and self._next < self._points.size:
            new = self._at(self._next if self._order is None else self._order(self._next))
            self._next += 1
            if identity(new.hparams) not in self._tried:
                asked.append(new)
        return asked

    def _at(self, row: int) -> Proposal:
        point = self._points[row]
        return Proposal(point, tuple(self._space.encode(point).tolist()))

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """Does nothing: a grid does not learn."""
