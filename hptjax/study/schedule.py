"""Schedules: pure functions that decide which trials are trained on, and for how many epochs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field

from hptjax.config.frozen import Frozen, Positive


@dataclass(frozen=True)
class Step:
    """The trials to train on, by their places in the generation, and for how many more epochs."""

    trials: tuple[int, ...]
    epochs: int


class Schedule(Protocol):
    """The contract of a schedule; `generation` counts within a strategy.

    A schedule knows no executor and keeps no state: the same values always give the same decisions.
    """

    def size(self, generation: int, most: int) -> int:
        """How many candidates to ask for, if `most` can be trained together."""
        ...

    def decide(self, generation: int, age: int, values: Mapping[int, float]) -> Step | None:
        """The next step of a generation; None at its end.

        age: epochs trained so far, the same for all trials. values: {place: value so far} of the
        trials that are still trained; lower is better, and at age 0 the values mean nothing.
        """
        ...


def member_epochs(schedule: Schedule, generation: int, most: int) -> int:
    """The member-epochs of a generation, if `most` can be trained together and none fails.

    most: as in `Schedule.size`.
    """
    alive, age, total = tuple(range(schedule.size(generation, most))), 0, 0
    while step := schedule.decide(generation, age, {k: float(k) for k in alive}):
        alive, age = step.trials, age + step.epochs
        total += len(alive) * step.epochs
    return total


class FullEpochs(Frozen):
    """Every trial is trained for all epochs."""

    epochs: Positive = 1

    def size(self, generation: int, most: int) -> int:
        return most

    def decide(self, generation: int, age: int, values: Mapping[int, float]) -> Step | None:
        return Step(tuple(values), self.epochs - age) if age < self.epochs else None


class SuccessiveHalving(Frozen):
    """Synchronous successive halving (Jamieson & Talwalkar 2016).

    All trials are trained for `first` epochs; then, again and again, the best 1/reduction of them
    are trained on until their epochs are multiplied by `reduction`, at most `epochs`. reduction:
    one trial in so many is trained on. first: the epochs of every trial.
    """

    epochs: Positive = 1
    reduction: Annotated[int, Field(ge=2)] = 3
    first: Positive = 1

    def size(self, generation: int, most: int) -> int:
        return most

    def decide(self, generation: int, age: int, values: Mapping[int, float]) -> Step | None:
        if age >= self.epochs:
            return None
        if age == 0:
            return Step(tuple(values), min(self.first, self.epochs))
        return Step(best(values, self.reduction), min(age * self.reduction, self.epochs) - age)


class Hyperband(Frozen):
    """Hyperband (Li et al. 2018): each generation is one bracket of successive halving, in turn.

    reduction: one trial in so many is trained on, in each bracket. first: the epochs of every trial
    of the first bracket. The first bracket starts with many trials of `first` epochs, the last with
    few trials that are trained to the end. The largest bracket has `most` trials; the others are
    smaller in proportion.
    """

    epochs: Positive = 1
    reduction: Annotated[int, Field(ge=2)] = 3
    first: Positive = 1

    @property
    def _brackets(self) -> int:
        count = 1
        while self.first * self.reduction**count <= self.epochs:
            count += 1
        return count

    def _halvings(self, generation: int) -> int:
        return self._brackets - 1 - generation % self._brackets

    def size(self, generation: int, most: int) -> int:
        def trials(halvings: int) -> int:
            return math.ceil(self._brackets / (halvings + 1) * self.reduction**halvings)

        largest = max(trials(s) for s in range(self._brackets))
        return max(1, round(most * trials(self._halvings(generation)) / largest))

    def decide(self, generation: int, age: int, values: Mapping[int, float]) -> Step | None:
        first = max(1, self.epochs // self.reduction ** self._halvings(generation))
        bracket = SuccessiveHalving(epochs=self.epochs, reduction=self.reduction, first=first)
        return bracket.decide(generation, age, values)


def best(values: Mapping[int, float], reduction: int) -> tuple[int, ...]:
    """The best 1/reduction of some trials, at least one; the first of equals wins."""
    ranked = sorted(values, key=lambda place: (values[place], place))
    return tuple(sorted(ranked[: max(1, len(ranked) // reduction)]))
