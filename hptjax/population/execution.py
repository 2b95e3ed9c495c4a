"""How a device trains a population; besides prices, only this file tells CPUs from others.

A CPU trains one member after another, so that the weights and maps of a member stay in the core's
cache; its bodies are chosen by time. An accelerator trains members side by side, in lanes. There
every group of lanes costs the launches of a step's operations, and every lane costs its time, used
or not. Both were measured on an H100; bodies and lanes are chosen to minimise the predicted time.
In the original study's trial-1 space, 29 members take three bodies, one per signature, and compute
2.7 times their true FLOPs in the mean. In the narrow lanes of sixteen bodies they would compute at
most 1.6 times their true FLOPs, but by those measurements take 1.8 times as long.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.population.groups import lane_sizes, lanes_for_places
from hptjax.population.memory import lanes_within, rows_within
from hptjax.population.plan import Plan
from hptjax.population.price import LANES, Price, price_for

# Factor of the least expected time that lanes may take. It costs 29 members of the trial-1 space
# less than 5 % and saves a third of them more than 20 %.
NEARLY = 1.03
# Rows of one device among several, over its even share: devices that are dealt whole groups hold
# different numbers of members. For 256 and 1024 members of the trial-1 space on eight devices, a
# larger factor gains nothing.
SPARE = 2


@dataclass(frozen=True)
class Execution:
    """How the rows of each device are computed.

    lanes: for each body, the number of rows that vmap trains side by side; None: one after another.
    """

    lanes: tuple[int, ...] | None

    def of_bodies(self, count: int) -> tuple[int, ...]:
        """Returns the number of rows trained side by side, for each of `count` bodies."""
        return self.lanes or (1,) * count

    def computed(self, counts: np.ndarray) -> np.ndarray:
        """Returns how many rows are computed, empty or not, for counts [..., bodies] of members."""
        lanes = np.array(self.lanes or 1)
        return -(-counts // lanes) * lanes

    def halved(self) -> "Execution | None":
        """Returns this with half as many rows side by side; None if there are no lanes to halve."""
        if self.lanes is None or max(self.lanes) == 1:
            return None
        return Execution(tuple(-(-lanes // 2) for lanes in self.lanes))


def execution_for(
    device: Any,
    plan: Plan,
    members: int,
    *,
    places: int = 1,
    lanes: int | None = None,
    images: int = 0,
    marks: bool = False,
) -> Execution:
    """Returns how a device (of JAX), one of `places`, trains up to `members` members of a plan.

    lanes: a number to use for all bodies. images: bytes of all copies of the images, which take
    room beside the members. marks: whether members keep a second copy of their weights. On
    accelerators the number of places decides the lanes, and so how sums are rounded.
    """
    even = -(-members // places)
    if lanes is not None:
        alone = device.platform == "cpu" and lanes == 1
        return Execution(None if alone else (min(lanes, even),) * len(plan.bodies))
    if device.platform == "cpu":
        return Execution(None)
    price = price_for(device.platform, device.device_kind)
    wanted = lanes_by_share(plan, even, price)
    if places > 1:
        begins = wanted, lanes_by_share(plan, members, price)
        wanted = lanes_for_places(plan, members, places, price, begins, NEARLY)
    rows = rows_for(device, plan, members, places, Execution(wanted), marks=marks)
    fitting = lanes_within(_memory_of(device), plan, rows, images, marks=marks)
    return Execution(tuple(min(*pair, rows) for pair in zip(wanted, fitting, strict=True)))


def rows_for(
    device: Any,
    plan: Plan,
    members: int,
    places: int,
    execution: Execution,
    *,
    marks: bool = False,
) -> int:
    """Returns the rows of each place: an even share of the members, or more for groups of lanes.

    For groups it is SPARE even shares, or a whole group, as far as `rows_within` has memory. marks:
    see `execution_for`.
    """
    even = -(-members // places)
    if execution.lanes is None:
        return even
    most = min(members, max(SPARE * even, *execution.lanes))
    within = min(most, rows_within(_memory_of(device), plan, places, marks=marks))
    return max(even, int(within))


def _memory_of(device: Any) -> float:
    """Returns the bytes of a device's memory; infinite if the device does not tell."""
    # The limit, not the free memory: the same run must have the same lanes every time.
    return (device.memory_stats() or {}).get("bytes_limit", math.inf)


def lanes_by_share(plan: Plan, rows: int, price: Price = LANES) -> tuple[int, ...]:
    """Returns the lanes of each body for members drawn as the plan's configs were.

    It takes the narrowest lanes with nearly the least expected time: a few members, as halving
    leaves them, then waste fewer lanes. The members of a converging search agree: bodies get more
    of them than their share and loop more often; the program stays.
    """
    lanes = np.array(lane_sizes(rows))
    groups = _chances(np.array(plan.shares), rows) @ -(-np.arange(rows + 1)[:, None] // lanes)
    launches = np.array([[price.of_launches(body)] for body in plan.bodies])
    work = np.array([[price.of_body(body)] for body in plan.bodies]) * lanes
    time = groups * (launches + work)
    near = time <= NEARLY * time.min(1, keepdims=True)
    return tuple(map(int, lanes[near.argmax(1)]))


def _chances(shares: np.ndarray, rows: int) -> np.ndarray:
    """Returns the binomial chance [bodies, rows + 1] of every number of members of each body."""
    logs = np.concatenate([[0.0], np.log(np.arange(1, rows + 1)).cumsum()])
    n, p = np.arange(rows + 1), np.clip(shares, 1e-12, 1 - 1e-12)[:, None]
    ways = logs[-1] - logs - logs[::-1]
    return np.exp(ways + n * np.log(p) + (rows - n) * np.log1p(-p))
