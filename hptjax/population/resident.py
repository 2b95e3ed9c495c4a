"""A population that lives on its trainer's devices; the results and costs of its epochs."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np

from hptjax.population.pack import Member
from hptjax.population.price import train_flops
from hptjax.population.trainer import PopulationState, PopulationTrainer


@dataclass(frozen=True)
class Cost:
    """The cost of some epochs; FLOPs are of training, over all images of the epochs.

    true_flops: at the exact shapes. padded_flops: with all padding that is computed. lane_flops: of
    all computed lanes, used or not. slowest_price: the price of the busiest place. workers_lost:
    lost workers. retries: members that were trained again for that reason.
    """

    compile_s: float = 0.0
    train_s: float = 0.0
    true_flops: float = 0.0
    padded_flops: float = 0.0
    lane_flops: float = 0.0
    slowest_price: float = 0.0
    workers_lost: int = 0
    retries: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Outcome:
    """The results of some epochs, in plain arrays: curves {metric: [epochs, P]}; and their cost.

    lost: the members that were lost with their workers, and how; NaN in the curves. workers: how
    many trained in parallel.
    """

    curves: Mapping[str, np.ndarray]
    cost: Cost
    lost: Mapping[int, str] = field(default_factory=dict)
    workers: int = 1

    @property
    def epochs(self) -> int:
        return len(next(iter(self.curves.values()), ()))

    @classmethod
    def of(cls, outcomes: "Sequence[Outcome]") -> "Outcome":
        """Joins the outcomes of consecutive epochs."""
        names = outcomes[0].curves if outcomes else ()
        return cls(
            {name: np.concatenate([own.curves[name] for own in outcomes]) for name in names},
            sum((own.cost for own in outcomes), Cost()),
            {k: reason for own in outcomes for k, reason in own.lost.items()},
            max((own.workers for own in outcomes), default=1),
        )

    @classmethod
    def of_epoch(cls, metrics: Mapping[str, np.ndarray], cost: Cost, **others: Any) -> "Outcome":
        """Returns the outcome of one epoch; metrics: {metric: [P]}."""
        return cls({name: values[None] for name, values in metrics.items()}, cost, **others)


class Trained(ABC):
    """Members that are trained epoch by epoch while there is time."""

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        """Trains all members for some epochs, or for those that are predicted to end in time.

        In that case the outcome holds fewer epochs, possibly none.
        """
        began, done = time.perf_counter(), []
        for _ in range(epochs):
            outcome = self.epoch(seconds - (time.perf_counter() - began))
            if outcome is None:
                break
            done.append(outcome)
        return Outcome.of(done)

    @abstractmethod
    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        """Trains all members for one epoch; None if it is predicted not to end in time."""


class Population(Trained):
    """Members of one age, which live on the devices of their trainer.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> images = hptjax.load_images("sample").take(range(160))
        >>> train, validation = hptjax.train_validation_split(images, seed=0)
        >>> trainer = hptjax.PopulationTrainer(hptjax.make_plan([model]), train, validation, seed=0)
        >>> population = hptjax.Population.start(trainer, [hptjax.Member(model, key=0)])
        >>> population.advance(2).curves["val_loss"].shape
        (2, 1)
    """

    def __init__(self, trainer: PopulationTrainer, state: PopulationState) -> None:
        self._trainer = trainer
        self._settle(state)

    @classmethod
    def start(cls, trainer: PopulationTrainer, members: Sequence[Member]) -> "Population":
        """Returns members with initial weights; ConfigError if the plan does not cover one."""
        return cls(trainer, trainer.start(members))

    def _settle(self, state: PopulationState) -> None:
        self._state = state
        self._work = work_of(self._trainer, state)

    @property
    def members(self) -> tuple[Member, ...]:
        return self._state.members

    @property
    def age(self) -> int:
        """The number of epochs trained so far."""
        return self._state.age

    def predicted_seconds(self) -> float:
        """Predicts the time of the next epoch from the last one measured; 0 before the first."""
        return self._trainer.seconds_per_price * self._work.slowest_place

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        """See `Trained.epoch`; a program's first epoch cannot be predicted, and always runs."""
        if self.predicted_seconds() > seconds:
            return None
        trainer, compiled = self._trainer, self._trainer.compile_seconds
        began = time.perf_counter()
        state, values = trainer.epoch(self._state)
        within = trainer.compile_seconds - compiled
        train_s = time.perf_counter() - began - within
        compile_s = trainer.unbilled_compile_seconds()  # includes the program of the first weights
        if compile_s:  # perhaps the program has fewer lanes than before
            self._work = work_of(trainer, state)
        work = self._work
        trainer.seconds_per_price = train_s / work.slowest_place
        self._state = state
        spent = Cost(compile_s, train_s, work.true, work.padded, work.lanes, work.slowest_place)
        return Outcome.of_epoch(values, spent)

    def keep(self, chosen: Sequence[int]) -> None:
        """Drops all members but these, which become the members 0, 1, ... in the order given."""
        self._settle(self._trainer.keep(self._state, chosen))

    def mark(self, chosen: Sequence[int]) -> None:
        """Marks some members: copies their present weights on the devices."""
        self._state = self._trainer.mark(self._state, chosen)

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        """Returns the weights of member k at its exact shape, in the form of its Flax module.

        marked: return the weights from when the member was marked last; it must have been marked.
        """
        return self._trainer.variables(self._state, k, marked=marked)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Returns all that training changed in the members, {name: [P, ...]}."""
        return self._trainer.snapshot(self._state)


@dataclass(frozen=True)
class Work:
    """FLOPs of an epoch of a population (see `Cost`); slowest_place: price of the busiest place."""

    true: float
    padded: float
    lanes: float
    slowest_place: float


def work_of(trainer: PopulationTrainer, state: PopulationState) -> Work:
    """Returns the work of an epoch of these members."""
    plan, images, place = trainer.plan, trainer.epoch_images, state.placement
    pairs = [
        (plan.bodies[body], member.shape)
        for body, member in zip(place.bodies, state.members, strict=True)
    ]
    flops = sum(plan.price.flops(*pair) for pair in pairs)
    prices = [plan.price(*pair) for pair in pairs]
    empty = trainer.execution.computed(place.counts) - place.counts  # lanes [places, bodies]
    of_lane = [(plan.price.flops(body, body), plan.price(body, body)) for body in plan.bodies]
    lane_flops, lane_prices = np.array(of_lane, float).T
    of_place = np.bincount(place.rows // place.room, prices, minlength=len(place.counts))
    return Work(
        true=float(images) * sum(train_flops(member.shape) for member in state.members),
        padded=float(images) * flops,
        lanes=images * (flops + float(empty.sum(0) @ lane_flops)),
        slowest_place=images * float((of_place + empty @ lane_prices).max()),
    )
