"""The executor of this machine: compiled trainers, one for the space and one for each rarity."""

import math
import time
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.models.signature import LayerChoices, Signature, choices_of
from hptjax.population import Cost, Member, Outcome, Population, PopulationTrainer
from hptjax.population.execution import plan_for
from hptjax.population.resident import stack_epochs
from hptjax.study.config import DataConfig, StudyConfig, Work
from hptjax.study.data import StudyData
from hptjax.study.executor import Resident
from hptjax.transpile.problem import Problem

UNKNOWN_WORK = Work(samples=math.inf, seconds=math.inf)
MOST_RARE = 32  # programs besides the main one that are kept, each with its copy of the images

MakeTrainer = Callable[[Sequence[ModelConfig]], PopulationTrainer]
_Rare = tuple[Signature, tuple[LayerChoices, ...]]


class LocalExecutor:
    """Trains on the devices of this process.

    One program is compiled for what stands for the space. What it lacks, a signature or an
    activation, gets a program of its own, at the widest networks that the space has of the
    signature: which program trains a member depends on nothing but the member. Of those the ones
    used last are kept.
    """

    def __init__(
        self,
        problem: Problem,
        make_trainer: MakeTrainer,
        *,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """make_trainer: of a plan for some configs. notify: told of a further compilation."""
        self._problem, self._make_trainer, self._notify = problem, make_trainer, notify
        self._main = make_trainer(problem.cover())
        self._rare: OrderedDict[_Rare, PopulationTrainer] = OrderedDict()

    @property
    def capacity(self) -> int:
        """Members of one call."""
        return self._main.plan.capacity

    def start(self, members: Sequence[Member]) -> Resident:
        return JoinedPopulation(
            [
                (Population.start(trainer, [members[k] for k in places]), places)
                for trainer, places in self._parts(members)
            ]
        )

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        populations = []
        for trainer, places in self._parts(members):
            own = {name: array[places] for name, array in arrays.items()}
            state = trainer.restore([members[k] for k in places], own, age)
            populations.append((Population(trainer, state), places))
        return JoinedPopulation(populations)

    def _parts(self, members: Sequence[Member]) -> list[tuple[PopulationTrainer, list[int]]]:
        """The members by the trainer that takes them, as places in the order given."""
        groups: dict[PopulationTrainer, list[int]] = defaultdict(list)
        for k, member in enumerate(members):
            groups[self._trainer_of(member)].append(k)
        return list(groups.items())

    def _trainer_of(self, member: Member) -> PopulationTrainer:
        if self._main.plan.covers(member.config):
            return self._main
        rare = member.shape.signature, choices_of([member.config])
        if rare not in self._rare:
            self._notify(
                "A candidate has a shape that the compiled program lacks: compiling once more."
            )
            self._rare[rare] = self._make_trainer([self._problem.widest(member.config)])
        self._rare.move_to_end(rare)
        if len(self._rare) > MOST_RARE:
            self._rare.popitem(last=False)
        return self._rare[rare]


def local_executor(
    study: StudyConfig, data: StudyData, notify: Callable[[str], None] = lambda text: None
) -> LocalExecutor:
    """The executor of a study on this machine; raises ConfigError as `Problem.cover` does."""
    make = partial(
        make_trainer,
        data=data,
        config=study.data,
        seed=study.seed,
        capacity=study.population_size * study.repeats,
        work=study.work_ahead(data.train.size),
        notify=notify,
    )
    return LocalExecutor(Problem(study.model, study.space, data.image), make, notify=notify)


def make_trainer(
    configs: Sequence[ModelConfig],
    data: StudyData,
    config: DataConfig,
    *,
    seed: int,
    capacity: int | None = None,
    work: Work = UNKNOWN_WORK,
    notify: Callable[[str], None] = warnings.warn,
) -> PopulationTrainer:
    """A trainer for networks like these, on a study's images.

    capacity: members of one call; work: that lies ahead, as `StudyConfig.work_ahead` has it;
    notify: as of `PopulationTrainer`.
    """
    return PopulationTrainer(
        plan_for(jax.local_devices()[0].platform, configs, capacity=capacity, **work),
        data.train,
        data.validation,
        seed=seed,
        augment=config.augment,
        augment_validation=config.augment_validation,
        notify=notify,
    )


class JoinedPopulation:
    """Populations of several trainers as one; each part comes with its members' places."""

    def __init__(self, parts: Sequence[tuple[Population, Sequence[int]]]) -> None:
        self._parts = [(population, list(places)) for population, places in parts]

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        began, rows, cost = time.perf_counter(), [], Cost()
        for _ in range(epochs):
            predicted = sum(part.predicted_seconds() for part, _ in self._parts)
            if time.perf_counter() - began + predicted > seconds:
                break
            outcomes = [(part.advance(1), places) for part, places in self._parts]
            rows.append(_merge(outcomes))
            cost = sum((outcome.cost for outcome, _ in outcomes), cost)
        return Outcome(stack_epochs(rows), cost)

    def keep(self, chosen: Sequence[int]) -> None:
        new = {old: place for place, old in enumerate(chosen)}
        kept = []
        for part, places in self._parts:
            inside = [k for k, place in enumerate(places) if place in new]
            if inside:
                part.keep(inside)
                kept.append((part, [new[places[k]] for k in inside]))
        self._parts = kept

    def weights(self, k: int) -> Mapping[str, Any]:
        part, places = next(pair for pair in self._parts if k in pair[1])
        return part.weights(places.index(k))

    def snapshot(self) -> dict[str, np.ndarray]:
        """In the order of the members; vectors of shorter programs are filled up with zeros."""
        parts = [(part.snapshot(), places) for part, places in self._parts]
        count = sum(len(places) for _, places in parts)
        out = {}
        for name, first in parts[0][0].items():
            lengths = [arrays[name].shape[1:] for arrays, _ in parts]
            out[name] = np.zeros((count, *max(lengths)), first.dtype)
            for arrays, places in parts:
                own = arrays[name]
                out[name][(places, *map(slice, own.shape[1:]))] = own
        return out


def _merge(outcomes: Sequence[tuple[Outcome, Sequence[int]]]) -> dict[str, np.ndarray]:
    """The metrics [P] of one epoch of all parts, each member's at its place."""
    order = np.argsort([place for _, places in outcomes for place in places])
    names = outcomes[0][0].curves
    return {
        name: np.concatenate([outcome.curves[name][0] for outcome, _ in outcomes])[order]
        for name in names
    }
