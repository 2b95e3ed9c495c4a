"""Any Optuna sampler as a searcher: a study in memory, a batch of asks, one call, tells."""

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies.base import Proposal, worst_if_failed


def distribution(entry: Float | Integer | Categorical) -> BaseDistribution:
    """The Optuna distribution of one entry of a space."""
    if isinstance(entry, Categorical):
        return CategoricalDistribution(entry.choices)
    if isinstance(entry, Integer):
        return IntDistribution(entry.low, entry.high, log=entry.log, step=entry.step)
    return FloatDistribution(entry.low, entry.high, log=entry.log)


class OptunaSearcher:
    """Asks an Optuna sampler; the sampler must be seeded for the search to be reproducible.

    A failed proposal is told as +inf and not as a failed trial: TPE leaves failed trials out, and
    would go on proposing what cannot be built.
    """

    def __init__(self, space: Space, sampler: optuna.samplers.BaseSampler) -> None:
        self._space = space
        self._distributions = {name: distribution(space[name]) for name in space.names}
        self._study = _quiet_study(sampler)

    def ask(self, count: int) -> list[Proposal]:
        return [self._propose() for _ in range(count)]

    def _propose(self) -> Proposal:
        trial = self._study.ask(self._distributions)
        point = self._space.encode({name: trial.params[name] for name in self._space.names})
        # decoded again: encoding may move the twelfth digit, and the genotype must tell all
        return Proposal(self._space.decode(point), tuple(point.tolist()), trial)

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        for proposal, value in zip(proposals, values, strict=True):
            self._study.tell(proposal.handle, worst_if_failed(value))


def _quiet_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """A study in memory, made without Optuna's line on the screen."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(sampler=sampler)
    finally:
        optuna.logging.set_verbosity(level)
