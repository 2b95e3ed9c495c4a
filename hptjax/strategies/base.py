"""What a search strategy is: candidates are asked for in batches and told their values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hptjax._types import Hparams


@dataclass(frozen=True)
class Proposal:
    """One candidate. genotype: its point in the unit cube [D]; handle: the strategy's own mark."""

    hparams: Hparams
    genotype: tuple[float, ...]
    handle: Any = field(default=None, compare=False, repr=False)


class Strategy(Protocol):
    """Ask/tell in batches; lower values are better.

    The same seed and the same told values give the same proposals, whatever else runs beside it:
    that is what makes a run resumable.
    """

    def ask(self, count: int) -> list[Proposal]:
        """Up to `count` new proposals; none at all means that the search is over."""
        ...

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """The values [len(proposals)] of what the last `ask` gave, NaN = failed or infeasible."""
        ...


def worst_if_failed(value: float) -> float:
    """+inf for NaN and the infinities, so that a searcher learns where candidates fail."""
    return float(value) if math.isfinite(value) else math.inf
