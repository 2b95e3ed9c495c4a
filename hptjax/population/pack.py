"""From members to arrays: the place and row of each, their traced numbers, their true shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError
from hptjax.models.numbers import number_types, numbers_of, packed
from hptjax.models.signature import NetShape, net_shape
from hptjax.population.epoch import TracedHparams
from hptjax.population.plan import Plan


@dataclass(frozen=True)
class Member:
    """One candidate in a population; key is the number from which its random keys derive."""

    config: AnyModel
    key: int

    @cached_property
    def shape(self) -> NetShape:
        """The network's exact shape."""
        return net_shape(self.config)


@dataclass(frozen=True)
class Placement:
    """Where the members lie: rows [places * room], those of one place together, ordered by body.

    rows [P]: row of each member; bodies [P]: its body; counts [places, bodies]: members of each
    body at each place.
    """

    rows: np.ndarray
    bodies: np.ndarray
    counts: np.ndarray
    room: int


def place(plan: Plan, members: Sequence[Member], places: int) -> Placement:
    """Deals members to places, the costliest first, each to the place with the least to do."""
    if len(members) > plan.capacity:
        raise ConfigError(
            f"The plan takes at most {plan.capacity} members a call, got {len(members)}:"
            " split them, or make a plan of a larger capacity."
        )
    bodies = [body_of(plan, member) for member in members]
    prices = [
        plan.price(plan.bodies[b], member.shape) for b, member in zip(bodies, members, strict=True)
    ]
    room = -(-plan.capacity // places)
    shards: list[list[int]] = [[] for _ in range(places)]
    load = np.zeros(places)
    for k in sorted(range(len(members)), key=lambda k: (-prices[k], members[k].key)):
        d = min((d for d in range(places) if len(shards[d]) < room), key=lambda d: load[d])
        shards[d].append(k)
        load[d] += prices[k]
    rows = np.zeros(len(members), np.int32)
    counts = np.zeros((places, len(plan.bodies)), np.int32)
    for d, shard in enumerate(shards):
        for row, k in enumerate(sorted(shard, key=lambda k: (bodies[k], members[k].key))):
            rows[k] = d * room + row
            counts[d, bodies[k]] += 1
    return Placement(rows, np.array(bodies, np.int32), counts, room)


def body_of(plan: Plan, member: Member) -> int:
    """Index of the body that trains a member; raises ConfigError when the plan has none."""
    index = plan.body_of(member.shape)
    if index is None or not plan.covers(member.config):
        raise ConfigError(
            f"The plan has no body for {member.shape}, or not with its activations, norms or"
            " dropout: make a plan from configs that include it."
        )
    return index


def traced_hparams(
    plan: Plan, members: Sequence[Member], placement: Placement, rows: int
) -> TracedHparams:
    """The members' traced numbers as arrays over rows; rows without a member hold zeros."""
    types = number_types(plan.bodies)
    numbers = [numbers_of(member.config, plan.choices) for member in members]
    names = dict.fromkeys([*numbers[0], *types])
    columns = {name: [own.get(name, 0) for own in numbers] for name in names}
    keys = np.array([member.key for member in members], np.uint32)

    def placed(values: np.ndarray) -> np.ndarray:
        out = np.zeros((rows, *values.shape[1:]), values.dtype)
        out[placement.rows] = values
        return out

    arrays = {name: placed(array) for name, array in packed(columns, types).items()}
    return TracedHparams(arrays, placed(keys))
