"""Any Optuna sampler as a searcher: a study in memory, a batch of asks, one call, tells."""

import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptjax.entries import Value
from hptjax.glossary import Hparams
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies.base import (
    Proposal,
    SearchContext,
    identity,
    proposal_at,
    worst_if_failed,
)

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

    Of a space with conditions it is asked for active hparams alone, each after those it depends on,
    as in a function that Optuna optimises. first: hparams that are proposed before the
    sampler's own. fixed: those that it never varies. exhaustive: the sampler visits each point of a
    finite space, and the search is over when it has no new one. Any other repeats nothing within a
    batch, unless the space is smaller than that. whole: asks for inactive hparams, too, for a
    sampler that learns nothing. objectives, constraints: as of SearchContext.
    """

    def __init__(
        self,
        space: Space,
        sampler: BaseSampler,
        first: Sequence[Hparams] = (),
        *,
        fixed: Hparams | None = None,
        exhaustive: bool = False,
        whole: bool = False,
        objectives: int = 0,
        constraints: Sequence[str] = (),
    ) -> None:
        self._space = space
        self._constraints = tuple(constraints)
        self._others = np.zeros((0, objectives))
        self._worst = np.full(1 + objectives, -np.inf)  # finite values told so far
        later = () if whole else space.conditions.keys()
        self._distributions = {name: distribution(space[name]) for name in space.parents_first}
        self._always = {n: self._distributions[n] for n in space if n not in later}
        self._later = [name for name in space.parents_first if name in later]
        self._exhaustive = exhaustive
        self._fixed = dict(fixed or {})
        self._size = space.size(self._fixed)
        self._tried: set[Hashable] = set()
        self._repeated: list[optuna.Trial] = []
        self._first = len(first)
        with quiet_optuna():
            steady = _steady(sampler, self._always) if self._later else sampler
            self._study = _study(steady, 1 + objectives)
            for hparams in first:
                self._study.enqueue_trial(self._decoded(hparams))

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
            hparams = self._decoded({**hparams, **self._fixed})
            if identity(hparams) not in self._tried:
                self._study.enqueue_trial(hparams)
                break
        return self._propose()

    def _decoded(self, hparams: Hparams) -> dict[str, Value]:
        return self._space.active(self._space.decode(self._space.encode(hparams)))

    def _propose(self) -> Proposal:
        trial = self._study.ask(self._always)
        for name in self._later:
            if self._space.is_active(name, trial.params):
                suggest(trial, name, self._distributions[name])
        params = trial.params
        point = self._space.encode({name: params[name] for name in self._space if name in params})
        # decoded again: encoding may move the twelfth digit, and the genotype must tell all
        return proposal_at(self._space, point, trial)

    def inform(
        self, proposals: Sequence[Proposal], objectives: np.ndarray, violations: np.ndarray
    ) -> None:
        self._others = objectives
        with quiet_optuna():
            for proposal, row in zip(proposals, violations, strict=True):
                for name, violation in zip(self._constraints, row, strict=True):
                    proposal.handle.set_constraint(name, float(violation))

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """A failed proposal is told as the worst and not as a failed trial.

        TPE leaves failed trials out, and would go on proposing what cannot be built.
        """
        several = self._others.shape[1] > 0
        told = np.column_stack([values, self._others]) if several else np.asarray(values)[:, None]
        finite = told[np.isfinite(told).all(1)]
        self._worst = np.maximum(self._worst, finite.max(0, initial=-np.inf))
        with quiet_optuna():
            for proposal, row in zip(proposals, told, strict=True):
                self._tell(proposal.handle, row)

    def _tell(self, trial: optuna.Trial, row: np.ndarray) -> None:
        if len(row) == 1:
            self._study.tell(trial, worst_if_failed(row[0]))
        elif np.isfinite(row).all():
            self._study.tell(trial, row.tolist())
        elif np.isfinite(self._worst).all():  # a volume, of several objectives, must be finite
            self._study.tell(trial, self._worst.tolist())
        else:
            self._study.tell(trial, state=TrialState.FAIL)


def searcher_of(context: SearchContext, sampler: BaseSampler, **options: Any) -> OptunaSearcher:
    """A searcher as its study wants it; options: as of OptunaSearcher."""
    told = {"objectives": context.objectives, "constraints": context.constraints}
    return OptunaSearcher(context.space, sampler, context.first, **told, **options)


def suggest(trial: optuna.Trial, name: str, among: BaseDistribution) -> None:
    """Has the trial take a value of one more hparam."""
    if isinstance(among, CategoricalDistribution):
        trial.suggest_categorical(name, among.choices)
    elif isinstance(among, IntDistribution):
        trial.suggest_int(name, among.low, among.high, step=among.step, log=among.log)
    elif isinstance(among, FloatDistribution):
        trial.suggest_float(name, among.low, among.high, step=among.step, log=among.log)


class GroupTPE(optuna.samplers.TPESampler):
    """TPE over groups of hparams that are active together: multivariate and group must be on.

    Optuna draws all groups for each trial before it knows which are active, and lets a running
    trial stand for a bad one in all of them. Here it does so in its active ones.
    """

    def _get_params(self, trial: FrozenTrial, study: optuna.Study) -> dict[str, Any]:
        return trial.params


def _steady(sampler: BaseSampler, always: Iterable[str]) -> BaseSampler:
    """The sampler with what it draws jointly bound to hparams that are always active.

    CMA-ES gives up for good where that changes, and Sobol's numbers where the first trial had more.
    TPE knows how to deal with it.
    """
    return sampler if isinstance(sampler, TPESampler) else _Steady(sampler, frozenset(always))


class _Steady(BaseSampler):
    """Another sampler, whose joint search space is cut to some names."""

    def __init__(self, sampler: BaseSampler, names: frozenset[str]) -> None:
        self._sampler, self._names = sampler, names

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        found = self._sampler.infer_relative_search_space(study, trial)
        return {name: own for name, own in found.items() if name in self._names}

    def sample_relative(self, *args: Any, **named: Any) -> dict[str, Any]:
        return self._sampler.sample_relative(*args, **named)

    def sample_independent(self, *args: Any, **named: Any) -> Any:
        return self._sampler.sample_independent(*args, **named)

    def before_trial(self, *args: Any, **named: Any) -> None:
        self._sampler.before_trial(*args, **named)

    def after_trial(self, *args: Any, **named: Any) -> None:
        self._sampler.after_trial(*args, **named)

    def reseed_rng(self) -> None:
        self._sampler.reseed_rng()


class _Study(optuna.Study):
    """A study whose sampler may say that it is done, which Optuna refuses outside its own loop."""

    def stop(self) -> None:
        pass


def _study(sampler: BaseSampler, objectives: int) -> optuna.Study:
    storage = optuna.storages.InMemoryStorage()
    directions = [StudyDirection.MINIMIZE] * objectives
    name = optuna.create_study(storage=storage, directions=directions).study_name
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
