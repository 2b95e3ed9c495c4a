"""A population on workers; a member that loses its worker is trained again elsewhere."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from hptjax.errors import DataError
from hptjax.executors.joined import join_metrics
from hptjax.executors.ray.calls import Gone, answers
from hptjax.executors.ray.crew import GRACE_S, SLACK, Crew, Hand
from hptjax.executors.ray.deal import deal, evened, slowest
from hptjax.executors.ray.states import RATE, States
from hptjax.executors.ray.worker import Order, Report
from hptjax.models.costs import costs_of
from hptjax.population import Cost, Member, Outcome
from hptjax.population.marked import with_marks
from hptjax.population.resident import Trained

COST_SHARE = 0.02  # share of the training time that saving states here may take
MIN_GAIN = 0.1  # share of an epoch that moving members must save


class RayPopulation(Trained):
    """Members by their numbers: the worker of each, and its last state that was saved here.

    The home of a member is the worker that holds it at the population's age. A member without a
    home starts from its saved state, or from its initial weights, on the worker of the next epoch.
    The order for an epoch tells workers which members were marked after the epoch before; a member
    that lost its worker is marked again on its way.
    """

    def __init__(
        self,
        crew: Crew,
        number: int,
        members: Sequence[Member],
        arrays: Mapping[str, np.ndarray] | None,
        age: int,
        max_retries: int,
        notify: Callable[[str], None],
    ) -> None:
        self._crew, self._number, self._notify = crew, number, notify
        self._members, self._age = tuple(members), age
        self._ids = list(range(len(members)))  # by place
        self._home: dict[int, Hand] = {}
        self._bound: dict[int, Hand] = {}  # the new homes of members that are moved
        self._marks: dict[int, int] = {}  # the age at which each was last marked
        self._states = States()
        if arrays is not None:
            self._states.put(self._ids, arrays, age)
        self._max_retries, self._tries = max_retries, Counter[int]()
        self._lost: dict[int, str] = {}
        self._faults = Cost()  # costs that no epoch has been charged with yet
        self._last_save, self._save_s = time.monotonic(), None

    @cached_property
    def _prices(self) -> list[float]:
        """The price of an epoch of each member; known once a worker is ready."""
        return [self._crew.price(member.shape) for member in self._members]

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        if self._predicted_seconds() > seconds:
            return None
        metrics, cost, workers = self._epoch()
        lost = {p: self._lost[k] for p, k in enumerate(self._ids) if k in self._lost}
        return Outcome.of_epoch(metrics, cost, lost=lost, workers=workers)

    def keep(self, chosen: Sequence[int]) -> None:
        self._ids = [self._ids[k] for k in chosen]
        self._home = {k: self._home[k] for k in self._ids if k in self._home}

    def mark(self, chosen: Sequence[int]) -> None:
        self._marks |= {self._ids[k]: self._age for k in chosen}

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        """The weights of a member; raises DataError if it is lost."""
        member = self._ids[k]
        # a mark of this age has the present weights
        earlier = marked and self._marks.get(member) != self._age
        while True:
            self._bring(self._age, set(self._home))
            if member in self._lost:
                raise DataError(
                    f"The best network was lost with its workers ({self._lost[member]}): run the "
                    "same command again, it is trained anew."
                )
            hand = self._home[member]
            call = {hand: hand.actor.weights.remote(self._number, member, earlier)}
            for _, answer in answers(call, self._moving_allowed):
                if not isinstance(answer, Gone):
                    return answer
                self._drop_worker(hand, answer.why)

    def snapshot(self) -> Mapping[str, np.ndarray]:
        """The state, with zeros for lost members."""
        while True:
            self._bring(self._age, set(self._home))
            if self._fetch(self._alive):
                break
        places = [p for p, k in enumerate(self._ids) if k not in self._lost]
        arrays = self._states.joined(self._alive, places, len(self._ids))
        return with_marks(arrays, [p for p in places if self._marks.get(self._ids[p]) == self._age])

    @property
    def _alive(self) -> list[int]:
        return [k for k in self._ids if k not in self._lost]

    def _epoch(self) -> tuple[dict[str, np.ndarray], Cost, int]:
        """The metrics [P] of one more epoch, its cost, and how many workers trained it."""
        self._crew.look()
        self._even_out()
        reports, cost, count = self._bring(self._age + 1, set())
        self._age += 1
        place = {k: p for p, k in enumerate(self._ids) if k not in self._lost}
        parts = []
        for report in reports:
            own = [j for j, k in enumerate(report.ids) if k in place]
            metrics = {name: column[own] for name, column in report.metrics.items()}
            parts.append((metrics, [place[report.ids[j]] for j in own]))
        self._save_if_due()
        cost, self._faults = cost + self._faults, Cost()
        return join_metrics(parts, len(self._ids)), cost, count

    def _bring(self, age: int, there: Set[int]) -> tuple[list[Report], Cost, int]:
        """Trains all members to an age; there: the members whose homes already hold them at it.

        Repeats this until no member is left behind by a lost worker.
        """
        there, reports, cost, workers = set(there), [], Cost(), set()
        while behind := [k for k in self._alive if k not in there]:
            orders = self._orders(behind, age)
            calls = {hand: hand.actor.train.remote(order) for hand, order in orders.items()}
            made = []
            for hand, answer in answers(calls, lambda hand, o=orders: self._allowed(hand, o[hand])):
                if isinstance(answer, Gone):
                    there -= self._drop_worker(hand, answer.why)
                    continue
                self._note(hand, answer)
                made.append(answer)
                workers.add(hand)
                there |= {k for k, home in self._home.items() if home is hand}
            reports += made
            cost += side_by_side([report.cost for report in made])
        return reports, cost, len(workers)

    def _orders(self, behind: Sequence[int], age: int) -> dict[Hand, Order]:
        """The next order of each worker; members without a home get one, but some must wait."""
        homeless = [k for k in behind if k not in self._home]
        arriving: dict[Hand, list[int]] = defaultdict(list)
        for k, hand in self._dealt(homeless, set(behind)).items():
            arriving[hand].append(k)
        held: dict[Hand, list[int]] = defaultdict(list)
        for k, hand in self._home.items():
            held[hand].append(k)
        at_work = {self._home[k] for k in behind if k in self._home} | arriving.keys()
        orders = {
            hand: Order(
                self._number,
                held[hand],
                self._states.arrivals(arriving[hand], self._members),
                age,
                {k: self._marks[k] for k in held[hand] + arriving[hand] if k in self._marks},
            )
            for hand in at_work
        }
        for hand, members in arriving.items():
            self._home.update(dict.fromkeys(members, hand))
        return orders

    def _dealt(self, homeless: Sequence[int], behind: Set[int]) -> dict[int, Hand]:
        """The new homes of members. On its last try a member trains alone: it may crash workers."""
        if not homeless:
            return {}
        hands = self._crew.gather()
        if self._home:  # new workers have not compiled yet, and wait for the next generation
            hands = [hand for hand in hands if hand.speed] or hands
        out = {k: self._bound.pop(k) for k in homeless if self._bound.get(k) in hands}
        self._bound.clear()
        last = [k for k in homeless if 0 < self._max_retries <= self._tries[k]]
        others = [k for k in homeless if k not in last and k not in out]
        if others or out:
            loads: dict[Hand, float] = defaultdict(float)
            for k in [k for k in self._home if k in behind] + list(out):
                loads[out.get(k) or self._home[k]] += self._prices[k]
            chosen = deal([self._prices[k] for k in others], self._crew.speeds(hands), loads)
            if not self._home:
                self._crew.idle(set(hands) - set(chosen))
            return out | dict(zip(others, chosen, strict=True))
        hands = self._crew.gather(patient=True)
        alone = [hand for hand in hands if hand not in self._home.values()] or hands
        return dict(zip(last, alone, strict=False))

    def _note(self, hand: Hand, report: Report) -> None:
        """Records the speed and the messages in a report."""
        shapes = [self._members[k].shape for k in report.ids]
        self._crew.measured(hand, report.speed, shapes, report.cost.compile_s)
        for text in report.messages:
            self._notify(text)

    def _drop_worker(self, hand: Hand, why: str) -> set[int]:
        """Drops a lost worker; its members need new homes, or are lost after too many tries."""
        own = {k for k, home in self._home.items() if home is hand}
        for k in own:
            del self._home[k]
        self._tries.update(own)
        gone = {k for k in own if self._tries[k] > self._max_retries}
        for k in gone:
            self._lost[k] = f"its worker was lost {self._tries[k]} times, at last: {why}"
        self._crew.lose(hand, why)
        self._faults += Cost(workers_lost=1, retries=len(own - gone))
        return own

    def _allowed(self, hand: Hand, order: Order) -> float:
        """How many seconds a worker may take for an order before it counts as hung."""
        epochs = [(k, 1) for k in order.held]
        epochs += [(k, order.age - arrival.age) for arrival in order.arrivals for k in arrival.ids]
        work = sum(self._prices[k] * count for k, count in epochs)
        return self._crew.allowed(hand, work)

    def _moving_allowed(self, hand: Hand) -> float:
        """How many seconds the transfer of a state may take."""
        size = sum(costs_of(self._members[k].shape).state_bytes for k in self._ids)
        return GRACE_S + SLACK * size / RATE

    def _predicted_seconds(self) -> float:
        """The predicted seconds of the next epoch; 0 if not known."""
        hands = list(set(self._home.values()))
        if not hands or any(hand.speed is None for hand in hands):
            return 0.0
        return self._seconds(self._home, self._crew.speeds(hands))

    def _seconds(self, homes: Mapping[int, Hand], speeds: Mapping[Hand, float]) -> float:
        return slowest([self._prices[k] for k in homes], list(homes.values()), speeds)

    def _even_out(self) -> None:
        """Moves members between workers if the next epoch gains more time than the move takes."""
        speeds = self._crew.speeds([hand for hand in self._crew.ready if hand.speed])
        if len(speeds) < 2 or not self._home or not set(self._home.values()) <= speeds.keys():
            return
        prices, dealt = [self._prices[k] for k in self._home], list(self._home.values())
        after = dict(zip(self._home, evened(prices, dealt, speeds), strict=True))
        moved = [k for k, hand in after.items() if hand is not self._home[k]]
        now = self._seconds(self._home, speeds)
        size = sum(costs_of(self._members[k].shape).state_bytes for k in moved)
        gain = now - self._seconds(after, speeds)
        if gain < MIN_GAIN * now or gain < 2 * size / RATE:
            return
        if self._fetch(moved):
            for k in moved:
                del self._home[k]
                self._bound[k] = after[k]

    def _save_if_due(self) -> None:
        """Saves the members' states here if that is cheap; lost members resume from them."""
        size = sum(costs_of(self._members[k].shape).state_bytes for k in self._alive)
        expected = size / RATE if self._save_s is None else self._save_s
        began = time.monotonic()
        if not self._alive or began - self._last_save < expected / COST_SHARE:
            return
        self._fetch(self._alive)
        self._last_save = time.monotonic()
        self._save_s = self._last_save - began

    def _fetch(self, members: Sequence[int]) -> bool:
        """Saves the present states of members that have a home; False if a worker was lost."""
        ids: dict[Hand, list[int]] = defaultdict(list)
        for k in members:
            if k in self._home and self._states.age(k) != self._age:
                ids[self._home[k]].append(k)
        calls = {h: h.actor.snapshot.remote(self._number, own) for h, own in ids.items()}
        whole = True
        for hand, answer in answers(calls, self._moving_allowed):
            if isinstance(answer, Gone):
                self._drop_worker(hand, answer.why)
                whole = False
            else:
                self._states.put(ids[hand], answer, self._age)
        return whole


def side_by_side(costs: Sequence[Cost]) -> Cost:
    """The cost of parallel work: the seconds of the slowest part, the sums of all other costs."""
    total = sum(costs, Cost())
    return replace(
        total,
        compile_s=max((cost.compile_s for cost in costs), default=0.0),
        train_s=max((cost.train_s for cost in costs), default=0.0),
    )
