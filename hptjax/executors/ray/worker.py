"""A worker: an actor that owns its devices, builds its trainer once and holds members."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import jax
import numpy as np

from hptjax.devices import set_up
from hptjax.executors.base import Executor, Resident
from hptjax.executors.joined import join_arrays, join_metrics, last_epoch
from hptjax.executors.local import local_executor
from hptjax.importing import import_from
from hptjax.models.signature import NetShape
from hptjax.population import Cost, Member, Outcome
from hptjax.population.places import places_for
from hptjax.population.plan import Plan
from hptjax.records.environment import rounding_facts
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData

PACKAGES = ("hptjax", "jax", "jaxlib")


@dataclass(frozen=True)
class Facts:
    """The facts of a worker.

    kind: equal for workers that should be equally fast. plan: the plan of its program. rounding:
    the facts that decide the rounding of its results.
    """

    kind: str
    devices: int
    versions: Mapping[str, str]
    process: int
    plan: Plan
    rounding: Mapping[str, str | bool]

    def price(self, shape: NetShape) -> float:
        """The price per image of a member of this net shape, in the body that trains it there.

        A shape that the plan lacks gets a program of its own, and so its own body.
        """
        place = self.plan.body_of(shape)
        return self.plan.price(shape if place is None else self.plan.bodies[place], shape)


class PlannedExecutor(Executor, Protocol):
    """An executor that knows the plan of its program."""

    @property
    def plan(self) -> Plan: ...


@dataclass(frozen=True)
class Arrival:
    """Members of one age that come to a worker: new (no arrays), or in the state of a snapshot.

    ids: the driver's numbers of the members.
    """

    ids: Sequence[int]
    members: Sequence[Member]
    age: int
    arrays: Mapping[str, np.ndarray] | None


@dataclass(frozen=True)
class Order:
    """An order to a worker: drop all members except `held`, take in arrivals, train all to an age.

    population: its number; members of other populations stay as they are. marks: {id: the age at
    which it was last marked}, for ages below the one to train to.
    """

    population: int
    held: Sequence[int]
    arrivals: Sequence[Arrival]
    age: int
    marks: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The result of an order: the metrics {name: [ids]} of the last epoch of its members.

    speed: price per second in that epoch, by the worker's own plan; None if nothing was trained.
    messages: texts for the user.
    """

    ids: Sequence[int]
    metrics: Mapping[str, np.ndarray]
    cost: Cost
    speed: float | None
    messages: Sequence[str]


@dataclass
class Held:
    """The members of one population that a worker holds."""

    ids: list[int]
    members: list[Member]
    resident: Resident
    age: int

    def advance(self, age: int, marks: Mapping[int, int]) -> Outcome:
        """Trains them to this age, if they are younger; marks each at the age of its mark."""
        outcomes = []
        while self.age < age:
            due = [place for place, k in enumerate(self.ids) if marks.get(k) == self.age]
            if due:
                self.resident.mark(due)
            outcomes.append(self.resident.advance(1))
            self.age += 1
        return Outcome.of(outcomes)

    def keep(self, ids: Sequence[int]) -> None:
        places = [self.ids.index(k) for k in ids]
        self.resident.keep(places)
        self.ids, self.members = list(ids), [self.members[k] for k in places]


class Worker:
    """The class that runs in the process of an actor."""

    def __init__(
        self,
        study: Mapping[str, Any],
        data: StudyData,
        *,
        accelerated: bool,
        cores: int,
        share: int,
        compile_cache: bool,
        folders: Sequence[str] = (),
    ) -> None:
        """study: plain data. folders: folders of modules that it names. cores: CPU cores to use.

        share: how many workers there are. A CPU takes a whole population per call. An accelerator
        computes all lanes of a call, so that its calls take only this worker's share.
        """
        import_from(folders)
        set_up(compile_cache=compile_cache, cores=None if accelerated else cores)
        if not accelerated:
            jax.config.update("jax_platforms", "cpu")
        config = StudyConfig.from_dict(study)
        self._most = most = config.population_size * config.repeats
        capacity = most if jax.default_backend() == "cpu" else -(-most // share)
        self._messages: list[str] = []
        self._executor = self.make_executor(config, data, self._messages.append, capacity)
        self._held: dict[int, Held] = {}

    def make_executor(
        self, study: StudyConfig, data: StudyData, notify: Callable[[str], None], capacity: int
    ) -> "PlannedExecutor":
        return local_executor(study, data, notify, capacity=capacity)

    def facts(self) -> Facts:
        places = places_for(capacity=self._most)
        return Facts(
            kind=f"{len(places)} x {places[0].device_kind}",
            devices=len(places),
            versions=versions(),
            process=os.getpid(),
            plan=self._executor.plan,
            rounding=rounding_facts(),
        )

    def train(self, order: Order) -> Report:
        """Carries out an order; arrivals catch up first, so that all members train in one call."""
        began = len(self._messages)
        held = self._kept(order)
        level = order.age if held and held[0].age == order.age else order.age - 1
        groups = [*held, *map(self._arrived, order.arrivals)]
        cost, done = Cost(), []
        ahead = [group for group in groups if group.age > level]
        for group in groups:
            if group.age < level:
                cost += group.advance(level - 1, order.marks).cost
                done.append((group.ids, group.advance(level, order.marks)))
        ready = self._merged([group for group in groups if group.age == level])
        if level < order.age:
            cost = sum((outcome.cost for _, outcome in done), cost)
            done = [(group.ids, group.advance(order.age, order.marks)) for group in ready]
        self._held[order.population] = self._merged([*ready, *ahead])[0]
        places = len(places_for(capacity=self._most))
        return _report(done, cost, places, tuple(self._messages[began:]))

    def _kept(self, order: Order) -> list[Held]:
        """The held members of the population, without those that the order drops."""
        if not order.held:
            self._held.pop(order.population, None)
            return []
        held = self._held[order.population]
        if list(order.held) != held.ids:
            held.keep(order.held)
        return [held]

    def _arrived(self, arrival: Arrival) -> Held:
        ids, members = list(arrival.ids), list(arrival.members)
        if arrival.arrays is None:
            return Held(ids, members, self._executor.start(members), arrival.age)
        restored = self._executor.restore(members, arrival.arrays, arrival.age)
        return Held(ids, members, restored, arrival.age)

    def _merged(self, groups: Sequence[Held]) -> list[Held]:
        """Merges groups of the same age into one; a single group stays as it is."""
        if len(groups) < 2:
            return list(groups)
        ids = [k for group in groups for k in group.ids]
        members = [member for group in groups for member in group.members]
        parts, place = [], 0
        for group in groups:
            parts.append((group.resident.snapshot(), range(place, place + len(group.ids))))
            place += len(group.ids)
        restored = self._executor.restore(members, join_arrays(parts, place), groups[0].age)
        return [Held(ids, members, restored, groups[0].age)]

    def snapshot(self, population: int, ids: Sequence[int]) -> dict[str, np.ndarray]:
        """The state [ids, ...] of some of the held members."""
        held = self._held[population]
        places = [held.ids.index(k) for k in ids]
        return {name: array[places] for name, array in held.resident.snapshot().items()}

    def weights(self, population: int, member: int, marked: bool) -> Mapping[str, Any]:
        held = self._held[population]
        return held.resident.weights(held.ids.index(member), marked=marked)

    def drop(self, population: int) -> None:
        """Forgets a population."""
        self._held.pop(population, None)


def _report(
    done: Sequence[tuple[Sequence[int], Outcome]],
    before: Cost,
    places: int,
    messages: Sequence[str],
) -> Report:
    """done: the last epoch of some groups. before: the cost of the earlier epochs."""
    ids = [k for group, _ in done for k in group]
    parts, place = [], 0
    for group, outcome in done:
        parts.append((last_epoch(outcome), range(place, place + len(group))))
        place += len(group)
    cost = sum((outcome.cost for _, outcome in done), Cost())
    speed = cost.slowest_price / cost.train_s * places if cost.train_s else None
    return Report(ids, join_metrics(parts, place), before + cost, speed, messages)


def versions() -> dict[str, str]:
    """The versions that workers and driver must share, or their numbers would differ."""
    return {name: version(name) for name in PACKAGES}
