"""Any Optuna sampler as a searcher: a study in memory, a batch of asks, one call, tells."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from hptjax.entries import count_of
from hptjax.glossary import Hparams
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies.base import Proposal, identity, proposal_at, worst_if_failed

MAX_REPEATS = 10  # times that a sampler is asked again for what is not in the batch yet
MAX_DRAWS = 100  # points drawn at random after that


def distribution(entry: Float | Integer | Categorical) -> BaseDistribution:
    """The Optuna distribution of one entry of a space."""
    if isinstance(entry, Categorical):
        return CategoricalDistribution(entry.choices)
    if isinstance(entry, Integer):
        return IntDistribution(entry.low, entry.high, log=entry.log, step=entry.step)
    return FloatDistribution(entry.low, entry.high, log=entry.log, step=entry.step)


class OptunaSearcher:
    """Asks an Optuna sampler; the sampler must be seeded for the search to be reproducible.

    first: hparams that are proposed before the sampler's own. fixed: those that it never varies.
    exhaustive: the sampler visits each point of a finite space, and the search is over when it has
    no new one. Any other repeats nothing within a batch, unless the space is smaller than that.
    """

    def __init__(
        self,
        space: Space,
        sampler: optuna.samplers.BaseSampler,
        first: Sequence[Hparams] = (),
        *,
        fixed: Hparams | None = None,
        exhaustive: bool = False,
    ) -> None:
        self._space = space
        self._distributions = {name: distribution(space[name]) for name in space.names}
        self._exhaustive = exhaustive
        self._fixed = dict(fixed or {})
        free = [entry for name, entry in space.items() if name not in self._fixed]
        self._size = math.prod(map(count_of, free))
        self._tried: set[tuple] = set()
        self._repeated: list[optuna.Trial] = []
        self._first = len(first)
        with quiet_optuna():
            self._study = _study(sampler)
            for hparams in first:
                self._study.enqueue_trial(space.decode(space.encode(hparams)))

    def ask(self, count: int) -> list[Proposal]:
        if not self._exhaustive:
            self._tried = set()
        asked: list[Proposal] = []
        with quiet_optuna():
            while len(asked) < count and (proposal := self._new()):
                self._tried.add(identity(proposal.hparams))
                asked.append(proposal)
            for trial in self._repeated:  # failed trials are left out of what samplers learn
                self._study.tell(trial, state=TrialState.FAIL)
        self._repeated = []
        return asked

    def _new(self) -> Proposal | None:
        """A proposal that was not tried; None where an exhaustive sampler has no more.

        Those that repeat stay open until the batch is complete: TPE keeps away from open trials.
        """
        if self._first:
            self._first -= 1
            return self._propose()
        exhausted = len(self._tried) >= self._size
        if exhausted:
            return None if self._exhaustive else self._propose()
        for _ in range(MAX_REPEATS):
            proposal = self._propose()
            if identity(proposal.hparams) not in self._tried:
                return proposal
            self._repeated.append(proposal.handle)
        return None if self._exhaustive else self._drawn()

    def _drawn(self) -> Proposal:
        """A point drawn uniformly, for a sampler that has converged on those of its batch."""
        rng = np.random.default_rng(self._repeated[-1].number)
        for hparams in self._space.sample(MAX_DRAWS, rng):
            hparams = self._space.decode(self._space.encode({**hparams, **self._fixed}))
            if identity(hparams) not in self._tried:
                self._study.enqueue_trial(hparams)
                break
        return self._propose()

    def _propose(self) -> Proposal:
        trial = self._study.ask(self._distributions)
        point = self._space.encode({name: trial.params[name] for name in self._space.names})
        # decoded again: encoding may move the twelfth digit, and the genotype must tell all
        return proposal_at(self._space, point, trial)

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """A failed proposal is told as +inf and not as a failed trial.

        TPE leaves failed trials out, and would go on proposing what cannot be built.
        """
        with quiet_optuna():
            for proposal, value in zip(proposals, values, strict=True):
                self._study.tell(proposal.handle, worst_if_failed(value))


class _Study(optuna.Study):
    """A study whose sampler may say that it is done, which Optuna refuses outside its own loop."""

    def stop(self) -> None:
        pass


def _study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    storage = optuna.storages.InMemoryStorage()
    name = optuna.create_study(storage=storage).study_name
    return _Study(name, storage, sampler)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keeps Optuna's log lines and warnings, as of experimental classes, off the screen."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
