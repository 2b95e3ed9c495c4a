"""The contract of a searcher: it gives proposals in batches and is told their values."""

import math
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel

from hptjax.glossary import Hparams
from hptjax.space import Space


@dataclass(frozen=True)
class Proposal:
    """A point of the unit cube, genotype [D], that a searcher asks to be tried, with its hparams.

    hparams: the active ones; coordinates of inactive ones have no effect. handle: for the
    searcher's own use.
    """

    hparams: Hparams
    genotype: tuple[float, ...]
    handle: Any = field(default=None, compare=False, repr=False)


class Searcher(Protocol):
    """Ask/tell in batches; lower values are better.

    The same seed and the same told values must give the same proposals, whatever else runs beside
    it: a run could not be resumed otherwise.
    """

    def ask(self, count: int) -> list[Proposal]:
        """Returns up to `count` proposals; an empty list means that the search is over.

        Each genotype must decode to its hparams: `CheckedSearcher` refuses any other proposal, and
        drops inactive hparams. If a network is proposed again, `tell` gets its earlier value.
        """
        ...

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """Takes the values [len(proposals)] of the last `ask`; NaN means failed or infeasible."""
        ...


@runtime_checkable
class Informed(Protocol):
    """A searcher that is told more than one value: further objectives and constraints."""

    def inform(
        self, proposals: Sequence[Proposal], objectives: np.ndarray, violations: np.ndarray
    ) -> None:
        """Takes what `tell`, which is called next, does not contain.

        objectives: the further objectives [len(proposals), M]; lower is better, NaN means failed.
        violations: by how much each constraint is broken [len(proposals), C]; at most 0 if it is
        kept, infinite if no network can be built.
        """
        ...


@dataclass(frozen=True)
class SearchContext:
    """The arguments from which a searcher is made, beside its own options.

    space: the search space. seed: the study's seed. label: the searcher's name in the study.
    population_size: how many proposals are trained together; None lets the searcher decide.
    evaluations: how many trials it can expect when it begins, None if unknown; a larger budget
    later does not change this number. first: active hparams of points to be tried before its own.
    objectives: how many objectives there are beside the one that `tell` gives. constraints: the
    names of the constraints.
    """

    space: Space
    seed: int
    label: str
    population_size: int | None = None
    evaluations: int | None = None
    first: tuple[Hparams, ...] = ()
    objectives: int = 0
    constraints: tuple[str, ...] = ()

    @property
    def own_seed(self) -> int:
        """The seed of the searcher's own draws, which differ from those of other searchers."""
        return zlib.crc32(f"{self.label}/{self.seed}".encode())


@dataclass(frozen=True)
class SearcherKind:
    """The target of a name under `strategies`: its options, and the function that makes it.

    about: a sentence that describes it. several: whether it takes several objectives.
    """

    Options: type[BaseModel]
    make: Callable[[SearchContext, Any], Searcher]
    about: str = ""
    several: bool = False


def identity(hparams: Hparams) -> Hashable:
    """A key that is equal for equal active hparams of one space; True is not 1."""
    return frozenset((name, isinstance(value, bool), value) for name, value in hparams.items())


def proposal_at(space: Space, point: Sequence[float] | np.ndarray, handle: Any = None) -> Proposal:
    """The proposal of a point [D] of the unit cube, with the hparams that are active there."""
    hparams = space.active(space.decode(point))
    return Proposal(hparams, tuple(np.asarray(point, np.float64).tolist()), handle)


def worst_if_failed(value: float) -> float:
    """The value, or +inf if it is not finite, so that a searcher learns where candidates fail."""
    return float(value) if math.isfinite(value) else math.inf
