"""Deals members to workers by the members' prices and the workers' speeds."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

W = TypeVar("W")


def deal(
    prices: Sequence[float], speeds: Mapping[W, float], loads: Mapping[W, float] | None = None
) -> list[W]:
    """The worker of each member: each, costliest first, goes to the worker that ends it first.

    speeds: price per second. loads: the price of the work that a worker already has.
    """
    loads = {worker: (loads or {}).get(worker, 0.0) for worker in speeds}
    dealt: dict[int, W] = {}
    for k in sorted(range(len(prices)), key=lambda k: (-prices[k], k)):
        first = min(speeds, key=lambda w: (loads[w] + prices[k]) / speeds[w])
        dealt[k] = first
        loads[first] += prices[k]
    return [dealt[k] for k in range(len(prices))]


def slowest(prices: Sequence[float], dealt: Sequence[W], speeds: Mapping[W, float]) -> float:
    """The seconds of the slowest worker."""
    loads = dict.fromkeys(speeds, 0.0)
    for price, worker in zip(prices, dealt, strict=True):
        loads[worker] += price
    return max(load / speeds[worker] for worker, load in loads.items())


def evened(prices: Sequence[float], dealt: Sequence[W], speeds: Mapping[W, float]) -> list[W]:
    """The deal with few members moved, so that the slowest worker ends sooner.

    Each step moves one member away from the slowest worker, by the move that helps most.
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
