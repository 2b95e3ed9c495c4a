"""Any Optuna sampler as a searcher, by an Optuna study in memory."""

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

MAX_REPEATS = 10  # how often a sampler is asked again for a point that is new to the batch
MAX_DRAWS = 100  # how many points are then drawn at random


def distribution(entry: Float | Integer | Categorical) -> BaseDistribution:
    """The Optuna distribution of one entry of a space."""
    if isinstance(entry, Categorical):
        return CategoricalDistribution(entry.choices)
    if isinstance(entry, Integer):
        return IntDistribution(entry.low, entry.high, log=entry.log, step=entry.step)
    return FloatDistribution(entry.low, entry.high, log=entry.log, step=entry.step)


class OptunaSearcher:
    """Asks an Optuna sampler; the sampler must be seeded for the search to be reproducible.

    In a space with conditions it asks for active hparams only, each after its parents, as in a
    function that Optuna optimises. first: hparams to propose before the sampler's own. fixed:
    hparams that the sampler never varies. exhaustive: whether the sampler visits each point of a
    finite space; the search is over when no new point is left. Other samplers repeat no point
    within a batch, unless the space is smaller than the batch. whole: whether to ask for inactive
    hparams, too, for a sampler that does not learn. objectives, constraints: as in SearchContext.
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
        self._worst = np.full(1 + objectives, -np.inf)  # the worst finite values told so far
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
            for trial in self._repeated:  # samplers do not learn from failed trials
                self._study.tell(trial, state=TrialState.FAIL)
        self._repeated = []
        return asked

    def _new(self) -> Proposal | None:
        """A proposal that was not tried; None if an exhaustive sampler has no more.

        Repeated ones stay open until the batch is complete: TPE keeps away from open trials.
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
        """A uniformly drawn point, for a sampler that only repeats the points of its batch."""
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
        # decoded again: encoding may change the twelfth digit, and the genotype must determine
        # hparams
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
        """Tells Optuna a failed proposal as the worst value, not as a failed trial.

        TPE ignores failed trials, and would keep proposing networks that cannot be built.
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
        elif np.isfinite(self._worst).all():  # the volume of several objectives must be finite
            self._study.tell(trial, self._worst.tolist())
        else:
            self._study.tell(trial, state=TrialState.FAIL)


def searcher_of(context: SearchContext, sampler: BaseSampler, **options: Any) -> OptunaSearcher:
    """The searcher of a sampler in its study; options: those of OptunaSearcher."""
    told = {"objectives": context.objectives, "constraints": context.constraints}
    return OptunaSearcher(context.space, sampler, context.first, **told, **options)


def suggest(trial: optuna.Trial, name: str, among: BaseDistribution) -> None:
    """Makes the trial suggest a value for one more hparam."""
    if isinstance(among, CategoricalDistribution):
        trial.suggest_categorical(name, among.choices)
    elif isinstance(among, IntDistribution):
        trial.suggest_int(name, among.low, among.high, step=among.step, log=among.log)
    elif isinstance(among, FloatDistribution):
        trial.suggest_float(name, among.low, among.high, step=among.step, log=among.log)


class GroupTPE(optuna.samplers.TPESampler):
    """TPE over groups of hparams that are active together: multivariate and group must be on.

    Optuna draws all groups for each trial before it knows which are active, and counts a running
    trial as a bad one in all groups. Here it counts only in the groups that are active.
    """

    def _get_params(self, trial: FrozenTrial, study: optuna.Study) -> dict[str, Any]:
        return trial.params


def _steady(sampler: BaseSampler, always: Iterable[str]) -> BaseSampler:
    """The sampler, which may draw jointly only hparams that are always active.

    CMA-ES gives up for good if the joint hparams change, and a Sobol sequence if the first trial
    had more of them. TPE handles changes itself.
    """
    return sampler if isinstance(sampler, TPESampler) else _Steady(sampler, frozenset(always))


class _Steady(BaseSampler):
    """A sampler whose joint search space is limited to some names."""

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
    """A study whose sampler may stop it, which Optuna refuses outside its own loop."""

    def stop(self) -> None:
        pass


def _study(sampler: BaseSampler, objectives: int) -> optuna.Study:
    storage = optuna.storages.InMemoryStorage()
    directions = [StudyDirection.MINIMIZE] * objectives
    name = optuna.create_study(storage=storage, directions=directions).study_name
    return _Study(name, storage, sampler)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Hides Optuna's log lines and warnings, such as those about experimental classes."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
