"""Bytes of a population: what its members keep, and what a training step needs besides."""

import math

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.models.weights import longest_vectors
from hptjax.population.plan import Plan
from hptjax.population.update import slots_of

MEBIBYTE = 2**20
USABLE = 0.9  # share of a device's memory: allocators leave gaps
FOR_ROWS = 0.25  # share of that for rows beyond an even share: lanes are worth more


def row_bytes(plan: Plan, *, marks: bool = False) -> int:
    """Returns the bytes of a row: every vector is as long as that of the longest body.

    marks: whether a second copy of weights and statistics is kept; see `PopulationTrainer`.
    """
    params, stats = longest_vectors(plan.bodies)
    marked = params + stats if marks else 0
    return 4 * ((1 + slots_of(plan.choices)) * params + stats + marked)


def lane_bytes(body: NetShape) -> int:
    """Returns the bytes that the training of one member needs beside its row."""
    return costs_of(body).working_bytes


def population_bytes(
    plan: Plan, rows: int, lanes: tuple[int, ...] | None, *, marks: bool = False
) -> int:
    """Returns the bytes of a call with `rows` members on a device, without the images.

    lanes: see `Execution`; marks: see `row_bytes`.
    """
    widest = max(
        count * lane_bytes(body)
        for count, body in zip(lanes or (1,) * len(plan.bodies), plan.bodies, strict=True)
    )
    return rows * row_bytes(plan, marks=marks) + widest


def lanes_within(
    memory: float, plan: Plan, rows: int, images: int, *, marks: bool = False
) -> list[int]:
    """Returns the most lanes of each body that fit into a device's memory [bytes] beside the rest.

    images: bytes of all copies of the images. The members count twice: to keep some of them makes
    a copy. marks: see `row_bytes`.
    """
    if memory == math.inf:
        return [rows] * len(plan.bodies)
    free = USABLE * memory - 2 * rows * row_bytes(plan, marks=marks) - images
    return [max(1, int(free // lane_bytes(body))) for body in plan.bodies]


def rows_within(memory: float, plan: Plan, places: int, *, marks: bool = False) -> float:
    """Returns how many rows of one of some places fit into a share of a device's memory [bytes].

    Rows count twice, and those of all places once more: to keep some members, each device gathers
    the arrays of all places, one after another. marks: see `row_bytes`.
    """
    return FOR_ROWS * memory // (row_bytes(plan, marks=marks) * (2 + places))


def is_exhausted(error: Exception) -> bool:
    """Tells whether JAX failed because a device's memory did not suffice."""
    return "RESOURCE_EXHAUSTED" in str(error)
