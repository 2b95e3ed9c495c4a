"""The executor of this machine: a compiled trainer for the space, and one for each rare network."""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.config.model import AnyModel
from hptjax.data.parts import warn
from hptjax.executors.base import Executor, Resident
from hptjax.executors.compiling import compile_seconds, compiling_text, training_text
from hptjax.executors.joined import JoinedPopulation
from hptjax.models.choices import Choices, choices_of
from hptjax.models.signature import NetShape, net_shape
from hptjax.population import (
    Member,
    Outcome,
    Population,
    PopulationState,
    PopulationTrainer,
    make_plan,
)
from hptjax.population.plan import Plan
from hptjax.records.environment import rounding_facts
from hptjax.study.config import StudyConfig, Work
from hptjax.study.data import StudyData
from hptjax.study.data_config import DataConfig
from hptjax.transpile.problem import Problem

UNKNOWN_WORK = Work(samples=math.inf, seconds=math.inf)
MOST_RARE = 32  # how many further programs are kept, each with its copy of the images

MakeTrainer = Callable[[Sequence[AnyModel]], PopulationTrainer]
_Rare = tuple[NetShape, Choices]


class Options(Frozen):
    """The local executor has no options."""


class LocalExecutor:
    """Trains on the devices of this process.

    One main program is compiled for a sample of the space. A network whose signature or activation
    the main program lacks gets a program of its own, at the largest widths that the space has for
    the signature: the program of a member depends on nothing but the member. The programs used last
    are kept. If there are more members than a program takes, several calls train them.
    """

    def __init__(
        self,
        problem: Problem,
        make_trainer: MakeTrainer,
        *,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """make_trainer: returns a trainer for some configs. notify: told what is compiled."""
        self._problem, self._make_trainer, self._notify = problem, make_trainer, notify
        self._main = make_trainer(problem.cover())
        notify(compiling_text(self._main.plan, problem))
        self._rare: OrderedDict[_Rare, PopulationTrainer] = OrderedDict()

    @property
    def main(self) -> PopulationTrainer:
        """The trainer of the main program."""
        return self._main

    @property
    def plan(self) -> Plan:
        return self._main.plan

    @property
    def capacity(self) -> int:
        """How many members one call trains."""
        return self._main.plan.capacity

    def rounding(self) -> Mapping[str, str | bool]:
        return rounding_facts()

    def start(self, members: Sequence[Member]) -> Resident:
        return JoinedPopulation(
            [
                (self._population(trainer, trainer.start([members[k] for k in places])), places)
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
            populations.append((self._population(trainer, state), places))
        return JoinedPopulation(populations)

    def _population(self, trainer: PopulationTrainer, state: PopulationState) -> Population:
        return _Announced(trainer, state, self._notify)

    def _parts(self, members: Sequence[Member]) -> list[tuple[PopulationTrainer, list[int]]]:
        """The trainers with the places of their members, in the given order."""
        groups: dict[PopulationTrainer, list[int]] = defaultdict(list)
        for k, member in enumerate(members):
            groups[self._trainer_of(member)].append(k)
        return [
            (trainer, places[first : first + trainer.plan.capacity])
            for trainer, places in groups.items()
            for first in range(0, len(places), trainer.plan.capacity)
        ]

    def _trainer_of(self, member: Member) -> PopulationTrainer:
        if self._main.plan.covers(member.config):
            return self._main
        widest = self._problem.widest(member.config)
        rare = net_shape(widest), choices_of([member.config])
        if rare not in self._rare:
            seconds = compile_seconds(self._main.plan, [rare[0]])
            self._notify(
                "A candidate has a shape that the compiled program lacks: compiling once more, "
                f"about {seconds:.1f} s."
            )
            self._rare[rare] = self._make_trainer([widest])
        self._rare.move_to_end(rare)
        if len(self._rare) > MOST_RARE:
            self._rare.popitem(last=False)
        return self._rare[rare]


class _Announced(Population):
    """A population that reports when an epoch waited for a compilation."""

    def __init__(
        self, trainer: PopulationTrainer, state: PopulationState, notify: Callable[[str], None]
    ) -> None:
        super().__init__(trainer, state)
        self._notify = notify

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        outcome = super().epoch(seconds)
        if outcome is not None and outcome.cost.compile_s:
            self._notify(f"Compiled in {outcome.cost.compile_s:.1f} s.")
        return outcome


@contextmanager
def open_executor(
    study: StudyConfig, data: StudyData, options: Options, notify: Callable[[str], None]
) -> Iterator[Executor]:
    """Opens the executor of a study, by the contract of the table of executors."""
    yield local_executor(study, data, notify)


def local_executor(
    study: StudyConfig,
    data: StudyData,
    notify: Callable[[str], None] = lambda text: None,
    *,
    capacity: int | None = None,
) -> LocalExecutor:
    """The executor of a study on this machine; raises the ConfigError of `Problem.cover`.

    capacity: how many members one call trains; by default a whole population.
    """
    make = partial(
        make_trainer,
        data=data,
        config=study.data,
        seed=study.seed,
        epochs=study.epochs,
        capacity=capacity or study.population_size * study.repeats,
        work=study.work_ahead(study.data.epoch_images(data.train.size)),
        measures=study.measures,
        marks=study.by_best_epoch,
        notify=notify,
    )
    image = data.image_for(study.task)
    problem = Problem(study.model, study.space, image, study.constraints)
    executor = LocalExecutor(problem, make, notify=notify)
    if capacity is None:
        most = study.budget.most_trials(study.population_size) or study.population_size
        told = {
            "epochs": study.epochs,
            "validation": data.validation.size,
            "networks": min(study.population_size, most) * study.repeats,
        }
        notify(training_text(executor.main, problem, **told, marks=study.by_best_epoch))
    return executor


def make_trainer(
    configs: Sequence[AnyModel],
    data: StudyData,
    config: DataConfig,
    *,
    seed: int,
    epochs: int,
    capacity: int | None = None,
    work: Work = UNKNOWN_WORK,
    measures: Sequence[str] = (),
    marks: bool = False,
    notify: Callable[[str], None] = warn,
) -> PopulationTrainer:
    """A trainer for these networks and others of their net shapes, on a study's images.

    epochs: the epochs of a full training. capacity: how many members one call trains. work: the
    training ahead, as in `StudyConfig.work_ahead`. measures, marks, notify: as in
    `PopulationTrainer`.
    """
    return PopulationTrainer(
        make_plan(configs, capacity=capacity, **work),
        data.train,
        data.validation,
        seed=seed,
        horizon=epochs,
        augment=config.augment,
        augment_validation=config.augment_validation,
        images_per_epoch=config.images_per_epoch,
        measures=measures,
        functions=data.functions,
        marks=marks,
        notify=notify,
    )
