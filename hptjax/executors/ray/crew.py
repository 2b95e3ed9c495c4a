"""The workers of a study: starts, watches and replaces them, and measures their speed."""

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

START_S = 120.0  # how long to wait at first for all workers, later for at least one
TOLD_S = 3.0  # how long to wait for room in silence
LOOK_S = 2.0  # between two looks at the nodes
GRACE_S, SLACK = 60.0, 10.0  # deadline = GRACE_S + SLACK * expected seconds
FIRST_S = 3600.0  # deadline before any worker of its kind was timed
OR = " or "  # between the facts of unlike workers
MOST_REFUSALS = 3  # failed starts of workers on a node before the node is ignored


def either(known: str | bool | None, new: str | bool) -> str | bool:
    """Joins the values of a fact of unlike workers, independent of their order."""
    if known in (None, new):
        return new
    return OR.join(sorted({*str(known).split(OR), str(new)}))


class Waited:
    """Counts seconds of waiting; to be asked repeatedly.

    A long time between two calls means that this process, or its whole machine, stood still. Only
    STEP_S seconds of it count, for no worker is to blame for it.
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
    """The driver's view of a worker.

    speed: price per second, in the crew's unit; None until it is measured.
    """

    actor: Any
    node: str
    coming: Any
    facts: Facts | None = None
    speed: float | None = None


class Crew:
    """All workers; a context manager that ends them."""

    def __init__(
        self,
        study: StudyConfig,
        data: StudyData,
        most: int | None,
        resources: Mapping[str, float] | None,
        notify: Callable[[str], None],
        worker: type[Worker] = Worker,
        *,
        alone: bool = False,
    ) -> None:
        """most: the largest number of workers; worker: their class; alone: no node will join."""
        self._most, self._resources, self._notify, self._worker = most, resources, notify, worker
        self._alone = alone
        self._study, self._data = study.to_dict(), ray.put(data)
        self.images = study.data.epoch_images(data.train.size)
        self._hands: list[Hand] = []
        self._looked, self._told, self._refused = -LOOK_S, "", Counter[str]()
        self.compile_s: float | None = None  # the longest compilation of a worker so far
        self._last: dict[str, float] = {}  # {kind: speed}, including workers that are lost
        self._first: Facts | None = None  # the worker whose prices are the crew's unit
        self.rounding: dict[str, str | bool] = {}  # joined over all workers that were ever ready

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *exception: object) -> None:
        for hand in self._hands:
            ray.kill(hand.actor)
        self._hands = []

    def gather(self, *, patient: bool = False) -> list[Hand]:
        """The workers that are ready, at least one.

        Waits for all workers that are starting, if none was ready before or if patient; else only
        for one. Raises ConfigError if none becomes ready, at once if there never will be room.
        """
        if self._alone and not slots(ray.nodes(), self._most, self._resources):
            raise ConfigError(
                f"executor: no worker has room on this machine: {self._wanted()}. Ask for less by "
                "executor.resources (--resources), or name a Ray with more by executor.address "
                "(--address)."
            )
        waited, first, told = Waited(), patient or not self.ready, False
        while waited.seconds() < START_S:
            self.look()
            if not self._hands and not told and waited.seconds() >= TOLD_S:
                told = True
                self._notify(f"Ray: waits up to {START_S:.0f} s for a worker: {self._wanted()}")
            coming = [hand.coming for hand in self._hands if hand.facts is None]
            if self.ready and not (first and coming):
                break
            if coming:
                ray.wait(coming, timeout=LOOK_S)
            else:
                time.sleep(LOOK_S / 4)
        if not self.ready:
            raise ConfigError(
                f"executor: no worker started within {START_S:.0f} s; {self._wanted()}. Run the "
                "same command again to go on."
            )
        self._tell()
        return self.ready

    def _wanted(self) -> str:
        """What Ray has, and what a worker asks for."""
        wanted = _shown(self._resources or {"CPU": 1})
        return f"Ray has {_shown(ray.cluster_resources())}, and a worker asks for {wanted}"

    @property
    def ready(self) -> list[Hand]:
        return [hand for hand in self._hands if hand.facts is not None]

    def look(self) -> None:
        """Starts workers where there is room, and takes in those that are ready."""
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
        """The price of an epoch of a member of this net shape, in the unit of all workers' speeds.

        The prices of the first worker are the unit; a worker must have been ready.
        """
        assert self._first is not None
        return self.images * self._first.price(shape)

    def lose(self, hand: Hand, why: str) -> None:
        """Gives up a worker; another one starts in its place if its node has room."""
        if hand in self._hands:
            self._hands.remove(hand)
            self._looked = -LOOK_S
            ray.kill(hand.actor)
            self._notify(f"Ray: a worker on node {hand.node[:8]} is lost: {why}")

    def measured(
        self, hand: Hand, speed: float | None, shapes: Sequence[NetShape], compile_s: float
    ) -> None:
        """Records the speed of a worker that trained members of these shapes, and its compile time.

        speed: in the worker's own prices, which may differ from the crew's unit.
        """
        if speed:  # averaged with the known speed: a short epoch says little
            assert hand.facts is not None
            own = self.images * sum(hand.facts.price(shape) for shape in shapes)
            speed *= sum(self.price(shape) for shape in shapes) / own
            hand.speed = speed if hand.speed is None else (hand.speed + speed) / 2
            self._last[_kind(hand)] = hand.speed
        self.compile_s = max(self.compile_s or 0.0, compile_s)

    def idle(self, hands: Iterable[Hand]) -> None:
        """Forgets the speeds of idle workers: one slow epoch does not exclude them for good."""
        for hand in hands:
            hand.speed = None

    def allowed(self, hand: Hand, price: float) -> float:
        """How many seconds a worker may take for members of this price before it counts as hung.

        Until it is measured, it counts as the slowest of its kind. It may have to compile.
        """
        like = [h.speed for h in self._hands if h.speed and _kind(h) == _kind(hand)]
        speed = hand.speed or min(like, default=self._last.get(_kind(hand)))
        if speed is None or self.compile_s is None:
            return FIRST_S
        return GRACE_S + SLACK * (price / speed + self.compile_s)

    def speeds(self, hands: Sequence[Hand]) -> dict[Hand, float]:
        """{worker: price per second}, measured, or that of its kind, or else by its devices."""
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
