"""The workers of a study: started where there is room, watched, replaced, their speed measured."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hptjax.errors import ConfigError
from hptjax.executors.ray.slots import ACCELERATORS, Slot, slots
from hptjax.executors.ray.worker import Facts, Worker, versions
from hptjax.importing import import_folders
from hptjax.models.signature import NetShape
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData

START_S = 120.0  # at first, for all workers that there is room for; then for one at least
LOOK_S = 2.0  # between two looks at the nodes
GRACE_S, SLACK = 60.0, 10.0  # a worker may take so long, and so many times what is expected
FIRST_S = 3600.0  # and so long where nothing is known of the like of it
OR = " or "  # between the facts of unlike workers
MOST_REFUSALS = 3  # of workers to start on a node, before it is let be


def either(known: str | bool | None, new: str | bool) -> str | bool:
    """A fact of unlike workers: all values of it, whatever the order they came in."""
    if known in (None, new):
        return new
    return OR.join(sorted({*str(known).split(OR), str(new)}))


class Waited:
    """Seconds of waiting, asked for again and again.

    A long time between two questions means that this process, or its whole machine, stood still;
    of that only a step counts: nobody else can be blamed for it.
    """

    STEP_S = 5.0

    def __init__(self) -> None:
        self._seconds, self._last = 0.0, time.monotonic()

    def seconds(self) -> float:
        now = time.monotonic()
        self._seconds += min(now - self._last, self.STEP_S)
        self._last = now
        return self._seconds


@dataclass(eq=False)
class Hand:
    """A worker as the driver sees it.

    speed: price, in the crew's unit, per second; None until it is measured.
    """

    actor: Any
    node: str
    coming: Any
    facts: Facts | None = None
    speed: float | None = None


class Crew:
    """All workers; as a context they end with it."""

    def __init__(
        self,
        study: StudyConfig,
        data: StudyData,
        most: int | None,
        resources: Mapping[str, float] | None,
        notify: Callable[[str], None],
        worker: type[Worker] = Worker,
    ) -> None:
        """most: workers at a time; worker: what they are."""
        self._most, self._resources, self._notify, self._worker = most, resources, notify, worker
        self._study, self._data = study.to_dict(), ray.put(data)
        self.images = study.data.epoch_images(data.train.size)
        self._hands: list[Hand] = []
        self._looked, self._told, self._refused = -LOOK_S, "", Counter[str]()
        self.compile_s: float | None = None  # the longest that one of them compiled
        self._last: dict[str, float] = {}  # speed by kind, also of workers that are lost
        self._first: Facts | None = None  # of the worker whose prices are the crew's unit
        self.rounding: dict[str, str | bool] = {}  # of all workers that were ever ready

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *exception: object) -> None:
        for hand in self._hands:
            ray.kill(hand.actor)
        self._hands = []

    def gather(self, *, patient: bool = False) -> list[Hand]:
        """The workers that are there, at least one.

        Waits for all that are starting, where none has worked before or patient says so, and else
        only for that one. Raises ConfigError where none comes.
        """
        waited, first = Waited(), patient or not self.ready
        while waited.seconds() < START_S:
            self.look()
            coming = [hand.coming for hand in self._hands if hand.facts is None]
            if self.ready and not (first and coming):
                break
            if coming:
                ray.wait(coming, timeout=LOOK_S)
            else:
                time.sleep(LOOK_S / 4)
        if not self.ready:
            raise ConfigError(
                f"executor: no worker started within {START_S:.0f} s; Ray has "
                f"{_shown(ray.cluster_resources())}, and a worker asks for "
                f"{_shown(self._resources or {'CPU': 1})}. Run the same command again to go on."
            )
        self._tell()
        return self.ready

    @property
    def ready(self) -> list[Hand]:
        return [hand for hand in self._hands if hand.facts is not None]

    def look(self) -> None:
        """Starts workers where there is room for more, and takes in those that are ready."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            self._start_missing()
        coming = [hand for hand in self._hands if hand.facts is None]
        if coming:
            refs, _ = ray.wait([h.coming for h in coming], num_returns=len(coming), timeout=0)
            for hand in coming:
                if hand.coming in refs:
                    self._take_in(hand)

    def _start_missing(self) -> None:
        nodes = ray.nodes()
        room = slots(nodes, self._most, self._resources)
        alive = {node["NodeID"] for node in nodes if node["Alive"]}
        busy = Counter(hand.node for hand in self._hands if hand.node in alive)
        count = busy.total()
        for slot in room:
            if busy[slot.node] > 0:
                busy[slot.node] -= 1
            elif count < len(room) and self._refused[slot.node] < MOST_REFUSALS:
                self._hands.append(self._start(slot, len(room)))
                count += 1

    def _start(self, slot: Slot, share: int) -> Hand:
        given = dict(slot.resources)
        actor: Any = (
            ray.remote(self._worker)
            .options(
                num_cpus=given.pop("CPU", 0),
                num_gpus=given.pop("GPU", 0),
                resources=given,
                scheduling_strategy=NodeAffinitySchedulingStrategy(slot.node, soft=False),
            )
            .remote(
                self._study,
                self._data,
                accelerated=any(name in slot.resources for name in ACCELERATORS),
                cores=max(1, int(slot.resources.get("CPU", 1))),
                share=share,
                compile_cache=jax.config.values["jax_compilation_cache_dir"] is not None,
                folders=import_folders(),
            )
        )
        return Hand(actor, slot.node, actor.facts.remote())

    def _take_in(self, hand: Hand) -> None:
        try:
            facts: Any = ray.get(hand.coming)
            if facts.versions != versions():
                raise ConfigError(f"it has {_shown(facts.versions)}, the driver has others")
        except (RayError, ConfigError) as error:
            self._refused[hand.node] += 1
            self.lose(hand, f"could not start: {reason(error)}")
        else:
            hand.facts = facts
            self._first = self._first or facts
            self.rounding = {
                name: either(self.rounding.get(name), value)
                for name, value in facts.rounding.items()
            }

    def price(self, shape: NetShape) -> float:
        """Of an epoch of a member of this exact shape, in the unit of all workers' speeds.

        The first worker's prices are the unit; a worker must have been there.
        """
        assert self._first is not None
        return self.images * self._first.price(shape)

    def lose(self, hand: Hand, why: str) -> None:
        """Lets a worker go for good; another one starts in its place if its node has room."""
        if hand in self._hands:
            self._hands.remove(hand)
            self._looked = -LOOK_S
            ray.kill(hand.actor)
            self._notify(f"Ray: a worker on node {hand.node[:8]} is lost: {why}")

    def measured(
        self, hand: Hand, speed: float | None, shapes: Sequence[NetShape], compile_s: float
    ) -> None:
        """A worker trained members of these shapes at this speed, after it compiled for so long.

        speed: in the worker's own prices, which may differ from the crew's unit.
        """
        if speed:  # half of what was known stays: a short epoch says little
            assert hand.facts is not None
            own = self.images * sum(hand.facts.price(shape) for shape in shapes)
            speed *= sum(self.price(shape) for shape in shapes) / own
            hand.speed = speed if hand.speed is None else (hand.speed + speed) / 2
            self._last[_kind(hand)] = hand.speed
        self.compile_s = max(self.compile_s or 0.0, compile_s)

    def idle(self, hands: Iterable[Hand]) -> None:
        """These got no members: next time they count as the like of them, or would never again."""
        for hand in hands:
            hand.speed = None

    def allowed(self, hand: Hand, price: float) -> float:
        """Seconds that a worker may take for members of this price, before it is taken for hung.

        It counts as the slowest of its kind until it is measured, and may have to compile.
        """
        like = [h.speed for h in self._hands if h.speed and _kind(h) == _kind(hand)]
        speed = hand.speed or min(like, default=self._last.get(_kind(hand)))
        if speed is None or self.compile_s is None:
            return FIRST_S
        return GRACE_S + SLACK * (price / speed + self.compile_s)

    def speeds(self, hands: Sequence[Hand]) -> dict[Hand, float]:
        """Price per second of each; where not measured that of the like, or else by the devices."""
        known = [hand for hand in self._hands if hand.speed]
        return {hand: hand.speed or _guess(hand, known) for hand in hands}

    def _tell(self) -> None:
        kinds = Counter(hand.facts.kind for hand in self.ready if hand.facts is not None)
        nodes = len({hand.node for hand in self.ready})
        text = ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items()))
        if text != self._told:
            self._told = text
            self._notify(f"Ray: workers on {nodes} node{'s' * (nodes > 1)}: {text}")


def reason(error: BaseException) -> str:
    """Why a worker failed, in one line."""
    lines = str(error).strip().splitlines()
    cause = getattr(error, "cause", None)
    text = str(cause) if cause is not None else (lines[-1] if lines else "")
    return f"{type(error).__name__}: {text.strip()}"[:200]


def _kind(hand: Hand) -> str:
    return "" if hand.facts is None else hand.facts.kind


def _guess(hand: Hand, known: Sequence[Hand]) -> float:
    assert hand.facts is not None
    like = [k.speed for k in known if k.speed and _kind(k) == _kind(hand)]
    if like:
        return sum(like) / len(like)
    each = [k.speed / k.facts.devices for k in known if k.speed and k.facts]
    return hand.facts.devices * (sum(each) / len(each) if each else 1.0)


def _shown(named: Mapping[str, Any]) -> str:
    usual = {
        k: v for k, v in sorted(named.items()) if not k.startswith("node:") and "memory" not in k
    }
    return ", ".join(f"{name} {value}" for name, value in usual.items()) or "nothing"
