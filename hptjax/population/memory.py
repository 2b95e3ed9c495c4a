"""Bytes of a population: what its members keep, what a training step needs beside it."""

import math

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.models.weights import longest_vectors
from hptjax.population.plan import Plan
from hptjax.population.update import slots_of

USABLE = 0.9  # of a device's memory: allocators leave gaps


def row_bytes(plan: Plan) -> int:
    """Bytes that a member's place keeps: every vector is as long as the longest body's."""
    params, stats = longest_vectors(plan.bodies)
    return 4 * ((1 + slots_of(plan.choices)) * params + stats)


def lane_bytes(body: NetShape) -> int:
    """Bytes that one member in training needs beside what it keeps."""
    return costs_of(body).working_bytes


def population_bytes(plan: Plan, rows: int, lanes: tuple[int, ...] | None) -> int:
    """Bytes of a call with `rows` members on a device, without the images.

    lanes: as in `Execution`.
    """
    widest = max(
        count * lane_bytes(body)
        for count, body in zip(lanes or (1,) * len(plan.bodies), plan.bodies, strict=True)
    )
    return rows * row_bytes(plan) + widest


def lanes_within(memory: float, plan: Plan, rows: int, images: int) -> list[int]:
    """The most lanes of each body that a device's memory [bytes] holds beside all else.

    images: bytes of all their copies. The members count twice: keeping some of them makes a copy.
    """
    if memory == math.inf:
        return [rows] * len(plan.bodies)
    free = USABLE * memory - 2 * rows * row_bytes(plan) - images
    return [max(1, int(free // lane_bytes(body))) for body in plan.bodies]


def is_exhausted(error: Exception) -> bool:
    """Whether JAX failed because a device's memory did not suffice."""
    return "RESOURCE_EXHAUSTED" in str(error)
