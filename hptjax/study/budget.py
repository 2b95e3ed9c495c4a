"""Budgets of a strategy, in any mix: the strategy ends when the first of them is spent."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from hptjax.checks import is_integer
from hptjax.config.frozen import Frozen, Positive

GENERATIONS, TRIALS, MEMBER_EPOCHS = "generation budget", "trial budget", "member-epoch budget"
SAMPLES, SECONDS = "sample budget", "time budget"


class Budget(Frozen):
    """The budget of each strategy of a study; None means no limit. The default is one generation.

    generations: the number of generations. trials: the number of proposals. member_epochs: epochs
    of single networks. samples: training images that all networks saw. seconds: seconds of the wall
    clock, compiling included.
    """

    generations: Positive | None = None
    trials: Positive | None = None
    member_epochs: Positive | None = None
    samples: Positive | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_nothing(cls, tree: object) -> object:
        if isinstance(tree, Mapping):
            given = any(value is not None for value in tree.values())
            return tree if given else {**tree, "generations": 1}
        if isinstance(tree, Budget):
            return tree
        number = tree if is_integer(tree) and tree > 0 else 20
        raise ValueError(f"a mapping such as {{trials: {number}}}")

    def most_trials(self, population_size: int) -> int | None:
        """The most proposals that a strategy can make; None if only other budgets limit it."""
        bounds = [self.trials]
        if self.generations is not None:
            bounds.append(self.generations * population_size)
        return min((bound for bound in bounds if bound is not None), default=None)


class Meter:
    """Counts what a strategy has spent of its budget."""

    def __init__(
        self, budget: Budget, images: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """images: how many images an epoch goes through."""
        self._budget, self._images, self._clock = budget, images, clock
        self.generations = self.trials = self.member_epochs = 0
        self._seconds, self._began = 0.0, clock()

    def unbounded(self) -> "Meter":
        """A meter without limits."""
        return Meter(Budget(), self._images, self._clock)

    def start(self) -> None:
        """Starts the clock of a generation."""
        self._began = self._clock()

    def add(self, trials: int, ledger: Mapping[str, float]) -> None:
        """Adds a finished generation."""
        self.generations += 1
        self.trials += trials
        self.member_epochs += int(ledger["member_epochs"])
        self._seconds += ledger["wall_s"]
        self.start()

    def seconds_left(self) -> float:
        if self._budget.seconds is None:
            return math.inf
        return self._budget.seconds - self._seconds - (self._clock() - self._began)

    def trials_left(self) -> float:
        return math.inf if self._budget.trials is None else self._budget.trials - self.trials

    def spent(self) -> str | None:
        """The budget that is spent; None if another generation may begin."""
        budget = self._budget
        if budget.generations is not None and self.generations >= budget.generations:
            return GENERATIONS
        if self.trials_left() <= 0:
            return TRIALS
        return self.too_little_for(1) or (SECONDS if self.seconds_left() <= 0 else None)

    def too_little_for(self, member_epochs: int) -> str | None:
        """The budget, other than time, with too little left for so many member-epochs."""
        epochs, budget = self.member_epochs + member_epochs, self._budget
        if budget.member_epochs is not None and epochs > budget.member_epochs:
            return MEMBER_EPOCHS
        if budget.samples is not None and epochs * self._images > budget.samples:
            return SAMPLES
        return None
