"""Finds proposals that build the same network, and spaces without any further network.

The rule is the same for all searchers: the loop applies it, and no searcher needs to know.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from hptjax.records.trial import Status, TrialRecord
from hptjax.strategies.base import identity
from hptjax.transpile.identity import as_computed
from hptjax.transpile.problem import Problem
from hptjax.transpile.repair import Candidate

MOST_POINTS = 10_000  # larger spaces are not built to count their networks, at 0.15 ms each
MOST_IDLE = 50  # generations in a row with copies only
EVERY_POINT = "every point was tried"
NOTHING_NEW = f"{MOST_IDLE} generations in a row gave no new network"


@dataclass
class Tried:
    """The networks and points that one strategy has tried.

    reuse: whether a network is trained only once, and its copies take its results. A trial that was
    lost with its worker, or cut short by a budget, does not count: its network is trained if it is
    proposed again.
    """

    problem: Problem
    reuse: bool
    _standing: dict[Hashable, TrialRecord] = field(default_factory=dict)
    _points: set[Hashable] = field(default_factory=set)
    _idle: int = 0

    def copies(self, first: int, candidates: Sequence[Candidate]) -> dict[int, int]:
        """The candidates that need no training: {place: number of the trial of the same network}.

        first: the number of the first candidate's trial. The first of equals in a generation is
        trained.
        """
        copies, first_of = {}, {key: trial.number for key, trial in self._standing.items()}
        for place, candidate in enumerate(candidates):
            if self.reuse and candidate.config is not None:
                number = first_of.setdefault(as_computed(candidate.config), first + place)
                if number != first + place:
                    copies[place] = number
        return copies

    def repeated(self, candidates: Sequence[Candidate]) -> set[int]:
        """The networks that are trained although another trial has the same network.

        They are places among the candidates that can be built; empty if equals are copies of the
        first.
        """
        built = [as_computed(own.config) for own in candidates if own.config is not None]
        count = Counter([*built, *self._standing])
        return set() if self.reuse else {k for k, own in enumerate(built) if count[own] > 1}

    def taken(self, trials: Sequence[TrialRecord], copies: Mapping[int, int]) -> list[TrialRecord]:
        """The trials of a generation; each copy has the results of the trial of its network."""
        known = {trial.number: trial for trial in self._standing.values()}
        known |= {trial.number: trial for k, trial in enumerate(trials) if k not in copies}
        return [
            _copy(trial, known[copies[k]]) if k in copies else trial
            for k, trial in enumerate(trials)
        ]

    def named(
        self, candidates: Sequence[Candidate], trials: Sequence[TrialRecord]
    ) -> list[TrialRecord]:
        """The trials of a generation; a network that was trained again gets `duplicate_of`.

        That is the first trial of the same network that was trained to the end.
        """
        first_of, out = {key: trial.number for key, trial in self._standing.items()}, []
        for candidate, trial in zip(candidates, trials, strict=True):
            if candidate.config is not None and not trial.reused:
                network = as_computed(candidate.config)
                if network in first_of:
                    trial = replace(trial, duplicate_of=first_of[network])
                elif trial.status is Status.TRAINED:
                    first_of[network] = trial.number
            out.append(trial)
        return out

    def add(
        self, candidates: Sequence[Candidate], trials: Sequence[TrialRecord], *, cut: bool
    ) -> None:
        """Adds a recorded generation; cut: whether a budget ended it before the schedule did."""
        new = False
        for candidate, trial in zip(candidates, trials, strict=True):
            point = identity(self.problem.active(trial.hparams))  # older journals hold all hparams
            new |= trial.was_trained or (candidate.config is None and point not in self._points)
            if trial.status is not Status.LOST:
                self._points.add(point)
            fit = trial.status is Status.TRAINED or (self.reuse and trial.status is not Status.LOST)
            if trial.was_trained and candidate.config is not None and fit and not cut:
                self._standing.setdefault(as_computed(candidate.config), trial)
        self._idle = 0 if new else self._idle + 1

    def exhausted(self) -> str | None:
        """The reason why nothing is left to try; None while something may be left.

        A strategy that trains networks again never ends this way.
        """
        if not self.reuse:
            return None
        if len(self._points) >= self._size:
            return EVERY_POINT
        if self._idle and self._size <= MOST_POINTS and self._networks <= self._standing.keys():
            return EVERY_POINT
        return NOTHING_NEW if self._idle >= MOST_IDLE else None

    @cached_property
    def _size(self) -> float:
        """How many different points the space has."""
        return self.problem.space.size()

    @cached_property
    def _networks(self) -> set[Hashable]:
        """All networks that the points of a finite space build."""
        built = map(self.problem.build, self.problem.space.points())
        return {as_computed(found.config) for found in built if found.config is not None}


def _copy(trial: TrialRecord, of: TrialRecord) -> TrialRecord:
    """A trial that was not trained: its own place in the search, the results of the other."""
    return replace(
        of,
        number=trial.number,
        genotype=trial.genotype,
        hparams=trial.hparams,
        config=trial.config,
        changes=trial.changes,
        duplicate_of=of.number,
        reused=True,
    )
