"""Who trains what: members dealt by their price and the speed of each worker."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

W = TypeVar("W")


def deal(
    prices: Sequence[float], speeds: Mapping[W, float], loads: Mapping[W, float] | None = None
) -> list[W]:
    """The worker of each member: the costliest first, each to the one that is done with it first.

    speeds: price per second; loads: price of what a worker has to do already.
    """
    loads = {worker: (loads or {}).get(worker, 0.0) for worker in speeds}
    dealt: dict[int, W] = {}
    for k in sorted(range(len(prices)), key=lambda k: (-prices[k], k)):
        first = min(speeds, key=lambda w: (loads[w] + prices[k]) / speeds[w])
        dealt[k] = first
        loads[first] += prices[k]
    return [dealt[k] for k in range(len(prices))]


def slowest(prices: Sequence[float], dealt: Sequence[W], speeds: Mapping[W, float]) -> float:
    """Seconds that the slowest worker takes."""
    loads = dict.fromkeys(speeds, 0.0)
    for price, worker in zip(prices, dealt, strict=True):
        loads[worker] += price
    return max(load / speeds[worker] for worker, load in loads.items())


def evened(prices: Sequence[float], dealt: Sequence[W], speeds: Mapping[W, float]) -> list[W]:
    """The same deal with few members moved, so that the slowest worker is done sooner.

    Each step moves the member from the slowest worker to the fastest that helps the most.
    """
    now = list(dealt)
    while True:
        loads = dict.fromkeys(speeds, 0.0)
        for price, worker in zip(prices, now, strict=True):
            loads[worker] += price
        times = {worker: load / speeds[worker] for worker, load in loads.items()}
        slow = max(times, key=lambda w: times[w])
        own = [k for k, worker in enumerate(now) if worker == slow]
        rest = {k: (loads[slow] - prices[k]) / speeds[slow] for k in own}
        moves = [
            (max(rest[k], (loads[w] + prices[k]) / speeds[w]), k, w)
            for k in own
            for w in speeds
            if w != slow
        ]
        best = min(moves, key=lambda move: move[:2], default=None)
        if best is None or best[0] >= times[slow] * (1 - np.finfo(float).eps):
            return now
        now[best[1]] = best[2]
