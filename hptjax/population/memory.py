"""Bytes of a population: what its members keep, what a training step needs beside it."""

import math

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.models.weights import longest_vectors
from hptjax.population.plan import Plan
from hptjax.population.update import slots_of

MEBIBYTE = 2**20
USABLE = 0.9  # of a device's memory: allocators leave gaps
FOR_ROWS = 0.25  # of it, for rows beyond an even share: lanes are worth more


def row_bytes(plan: Plan, *, marks: bool = False) -> int:
    """Bytes that a member's place keeps: every vector is as long as the longest body's.

    marks: whether a second copy of weights and statistics is kept, as of `PopulationTrainer`.
    """
    params, stats = longest_vectors(plan.bodies)
    marked = params + stats if marks else 0
    return 4 * ((1 + slots_of(plan.choices)) * params + stats + marked)


def lane_bytes(body: NetShape) -> int:
    """Bytes that one member in training needs beside what it keeps."""
    return costs_of(body).working_bytes


def population_bytes(
    plan: Plan, rows: int, lanes: tuple[int, ...] | None, *, marks: bool = False
) -> int:
    """Bytes of a call with `rows` members on a device, without the images.

    lanes: as in `Execution`; marks: as of `row_bytes`.
    """
    widest = max(
        count * lane_bytes(body)
        for count, body in zip(lanes or (1,) * len(plan.bodies), plan.bodies, strict=True)
    )
    return rows * row_bytes(plan, marks=marks) + widest


def lanes_within(
    memory: float, plan: Plan, rows: int, images: int, *, marks: bool = False
) -> list[int]:
    """The most lanes of each body that a device's memory [bytes] holds beside all else.

    images: bytes of all their copies. The members count twice: keeping some of them makes a copy.
    marks: as of `row_bytes`.
    """
    if memory == math.inf:
        return [rows] * len(plan.bodies)
    free = USABLE * memory - 2 * rows * row_bytes(plan, marks=marks) - images
    return [max(1, int(free // lane_bytes(body))) for body in plan.bodies]


def rows_within(memory: float, plan: Plan, places: int, *, marks: bool = False) -> float:
    """The rows of one of some places for which a share of a device's memory [bytes] suffices.

    They count twice, and those of all places once more: where some are kept, each device gathers
    the arrays of them all, one after another. marks: as of `row_bytes`.
    """
    return FOR_ROWS * memory // (row_bytes(plan, marks=marks) * (2 + places))


def is_exhausted(error: Exception) -> bool:
    """Whether JAX failed because a device's memory did not suffice."""
    return "RESOURCE_EXHAUSTED" in str(error)
