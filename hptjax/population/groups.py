"""Groups of lanes: the price of each, their width for several devices, and how they are dealt.

An accelerator trains members of one body in groups of lanes, and a half-empty group takes as long
as a full one. So several devices finish soonest if whole groups are dealt, the longest first, each
to the device with the least to do; few devices then hold all bodies.
"""

from collections.abc import Sequence

import numpy as np

from hptjax.models.signature import NetShape
from hptjax.population.plan import Plan
from hptjax.population.price import Price

SAMPLES, DRAWS = 8, 2048  # populations to choose lanes by: at least so many; members in all
SWEEPS = 4  # over the bodies, each with the lanes that the others have by then


def group_prices(bodies: Sequence[NetShape], lanes: Sequence[int], price: Price) -> np.ndarray:
    """Returns the price of a group of each body [bodies], however many of its lanes are used."""
    pairs = zip(bodies, lanes, strict=True)
    return np.array([price.of_launches(body) + n * price(body, body) for body, n in pairs])


def dealt(
    counts: np.ndarray, lanes: Sequence[int], prices: np.ndarray, places: int, room: int
) -> np.ndarray:
    """Deals counts [bodies] members to places; returns members by place and body [places, bodies].

    prices [bodies]: price of a group. A place holds at most `room` members: if no place has room
    for a whole group, the group is split.
    """
    groups = [
        (float(prices[body]), body, min(width, int(count) - first))
        for body, (width, count) in enumerate(zip(lanes, counts, strict=True))
        for first in range(0, int(count), width)
    ]
    out = np.zeros((places, len(lanes)), np.int32)
    load, free = np.zeros(places), np.full(places, room)
    for price, body, size in sorted(groups, key=lambda group: (-group[0], group[1], -group[2])):
        while size:
            fitting = np.flatnonzero(free >= size)
            fitting = fitting if fitting.size else np.flatnonzero(free)
            k = fitting[load[fitting].argmin()]
            part = min(size, int(free[k]))
            before = out[k, body]
            out[k, body] += part
            free[k] -= part
            size -= part
            more = -(-out[k, body] // lanes[body]) - -(-before // lanes[body])
            load[k] += more * price  # no price where it fills lanes that a split group left empty
    return out


def slowest_price(
    counts: np.ndarray, lanes: Sequence[int], prices: np.ndarray, places: int
) -> float:
    """Returns the price of the busiest place, if each has room for all that `dealt` gives it."""
    load = np.zeros(places)
    for body in np.argsort(-prices, kind="stable"):
        groups = -(-int(counts[body]) // lanes[body])
        if groups:  # the earliest time at which some place could begin one more group
            begins = (load[:, None] + prices[body] * np.arange(groups)).ravel()
            soonest = np.argsort(begins, kind="stable")[:groups]
            load += prices[body] * np.bincount(soonest // groups, minlength=places)
    return float(load.max())


def lane_sizes(members: int) -> list[int]:
    """Returns the lanes to try for a body of at most so many members: only some of all numbers."""
    sizes = {size << k for size in (1, 3) for k in range(members.bit_length())}
    return sorted({size for size in sizes if size < members} | {members})


def lanes_for_places(
    plan: Plan,
    members: int,
    places: int,
    price: Price,
    begins: Sequence[Sequence[int]],
    nearly: float,
) -> tuple[int, ...]:
    """Returns the lanes of each body with which several places finish soonest on average.

    The average is over populations drawn as the plan's configs were, the same ones every time.
    begins: lanes to start from; they are improved one body after another. nearly: the factor of the
    least time up to which narrower lanes are preferred.
    """
    populations = _drawn(plan, members)
    sizes = lane_sizes(members)

    def time(lanes: Sequence[int], best: float) -> float:
        prices = group_prices(plan.bodies, lanes, price)
        groups = -(-populations // np.array(lanes))
        least = np.maximum(groups @ prices / places, np.where(groups, prices, 0).max(1)).mean()
        if least >= best:
            return float(least)
        return float(np.mean([slowest_price(own, lanes, prices, places) for own in populations]))

    def improved(lanes: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        best = time(lanes, np.inf)
        for _ in range(SWEEPS):
            before = lanes
            for body in range(len(lanes)):
                for size in sizes:
                    other = (*lanes[:body], size, *lanes[body + 1 :])
                    took = time(other, best)
                    if took < best:
                        best, lanes = took, other
            if lanes == before:
                break
        return best, lanes

    best, lanes = min(improved(tuple(begin)) for begin in begins)
    for body in range(len(lanes)):
        for size in [size for size in sizes if size < lanes[body]]:
            other = (*lanes[:body], size, *lanes[body + 1 :])
            if time(other, nearly * best) < nearly * best:
                lanes = other
                break
    return lanes


def _drawn(plan: Plan, members: int) -> np.ndarray:
    """Draws populations; returns the members of each body [populations, bodies]."""
    ends = np.cumsum(plan.shares)
    draws = np.random.default_rng(0).random((max(SAMPLES, DRAWS // members), members))
    bodies = np.searchsorted(ends / ends[-1], draws, side="right")
    return np.stack([np.bincount(own, minlength=len(ends)) for own in bodies])
