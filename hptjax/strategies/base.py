"""What a searcher is: proposals are asked for in batches and told their values."""

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
    """What a searcher asks to try: a point in the unit cube, genotype [D], and its active hparams.

    The coordinates of inactive ones are the searcher's own affair. handle: the searcher's own mark.
    """

    hparams: Hparams
    genotype: tuple[float, ...]
    handle: Any = field(default=None, compare=False, repr=False)


class Searcher(Protocol):
    """Ask/tell in batches; lower values are better.

    The same seed and the same told values give the same proposals, whatever else runs beside it:
    that is what makes a run resumable.
    """

    def ask(self, count: int) -> list[Proposal]:
        """Up to `count` proposals; none at all means that the search is over.

        Their hparams are points of the space, to which their genotypes decode: `CheckedSearcher`
        refuses any other, and leaves out hparams that are inactive. A network that was proposed
        before is told its earlier value.
        """
        ...

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """The values [len(proposals)] of what the last `ask` gave, NaN = failed or infeasible."""
        ...


@runtime_checkable
class Informed(Protocol):
    """A searcher that is told more than one value: of several objectives, and of constraints."""

    def inform(
        self, proposals: Sequence[Proposal], objectives: np.ndarray, violations: np.ndarray
    ) -> None:
        """What `tell`, which comes next, says nothing of.

        objectives: the further ones [len(proposals), M], lower is better, NaN = failed. violations:
        by how much each constraint is broken [len(proposals), C], at most 0 where it is kept,
        infinite where no network can be built.
        """
        ...


@dataclass(frozen=True)
class SearchContext:
    """What a searcher is made from, beside its own options.

    seed: of the study; label: the searcher's name in it. population_size: proposals that are
    trained together, None: as many as the searcher likes. evaluations: how many it could count on
    when it began, None: unknown; a larger budget later leaves this as it is, and asks for more.
    first: active hparams of points to be tried before its own. objectives: how many more there are
    than the one whose values `tell` gives. constraints: their names.
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
        """Of the searcher's own draws: with the study's, TPE would start as random search does."""
        return zlib.crc32(f"{self.label}/{self.seed}".encode())


@dataclass(frozen=True)
class SearcherKind:
    """What a name under `strategies` stands for: its options, and how it is made from them.

    about: what it is, in a sentence. several: whether it takes several objectives.
    """

    Options: type[BaseModel]
    make: Callable[[SearchContext, Any], Searcher]
    about: str = ""
    several: bool = False


def identity(hparams: Hparams) -> Hashable:
    """Equal for equal active hparams of one space; True is not 1."""
    return frozenset((name, isinstance(value, bool), value) for name, value in hparams.items())


def proposal_at(space: Space, point: Sequence[float] | np.ndarray, handle: Any = None) -> Proposal:
    """The proposal of a point [D] of the unit cube, with the hparams that are active there."""
    hparams = space.active(space.decode(point))
    return Proposal(hparams, tuple(np.asarray(point, np.float64).tolist()), handle)


def worst_if_failed(value: float) -> float:
    """+inf for NaN and the infinities, so that a searcher learns where candidates fail."""
    return float(value) if math.isfinite(value) else math.inf
