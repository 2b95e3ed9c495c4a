"""From members to arrays: the place and the row of each, their traced numbers and true shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from jaxtyping import Integer

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError
from hptjax.models.numbers import number_types, numbers_of, packed
from hptjax.models.signature import NetShape, net_shape
from hptjax.population.epoch import TracedHparams
from hptjax.population.groups import dealt, group_prices
from hptjax.population.plan import Plan


@dataclass(frozen=True)
class Member:
    """One candidate in a population; key: the number from which its random keys derive.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> hptjax.Member(model, key=3).key
        3
    """

    config: AnyModel
    key: int

    @cached_property
    def shape(self) -> NetShape:
        """The network's exact shape."""
        return net_shape(self.config)


@dataclass(frozen=True)
class Placement:
    """The rows of P members, among places * room rows; each place sorts its members by body.

    rows: the row of each member. bodies: the body of each member. counts: how many members each
    body has at each place. room: rows of a place.
    """

    rows: Integer[np.ndarray, " P"]
    bodies: Integer[np.ndarray, " P"]
    counts: Integer[np.ndarray, "places bodies"]
    room: int


def place(
    plan: Plan,
    members: Sequence[Member],
    places: int,
    *,
    lanes: Sequence[int] | None = None,
    room: int | None = None,
) -> Placement:
    """Deals members to places, so that the busiest place finishes soon.

    lanes: for each body, see `Execution`; then whole groups are dealt, the costliest first, each to
    the place with the least to do; without lanes, members are. room: rows of each place; by default
    an even share of the plan's capacity. Raises ConfigError for more members than the plan's
    capacity.
    """
    if len(members) > plan.capacity:
        raise ConfigError(
            f"The plan takes at most {plan.capacity} members a call, got {len(members)}:"
            " split them, or make a plan of a larger capacity."
        )
    bodies = [body_of(plan, member) for member in members]
    shapes, keys = [member.shape for member in members], [member.key for member in members]
    room = -(-plan.capacity // places) if room is None else room
    return placed(plan, bodies, shapes, keys, places, lanes, room)


def placed(
    plan: Plan,
    bodies: Sequence[int],
    shapes: Sequence[NetShape],
    keys: Sequence[int],
    places: int,
    lanes: Sequence[int] | None,
    room: int,
) -> Placement:
    """Does what `place` does, given the bodies, exact shapes and keys of the members, each [P]."""
    if lanes is None:
        prices = [plan.price(plan.bodies[b], s) for b, s in zip(bodies, shapes, strict=True)]
        shards = _members_dealt(prices, keys, places, room)
    else:
        shards = _groups_dealt(plan, bodies, keys, lanes, places, room)
    rows = np.zeros(len(keys), np.int32)
    counts = np.zeros((places, len(plan.bodies)), np.int32)
    for d, shard in enumerate(shards):
        for row, k in enumerate(sorted(shard, key=lambda k: (bodies[k], keys[k]))):
            rows[k] = d * room + row
            counts[d, bodies[k]] += 1
    return Placement(rows, np.array(bodies, np.int32), counts, room)


def _members_dealt(
    prices: Sequence[float], keys: Sequence[int], places: int, room: int
) -> list[list[int]]:
    """Returns the members of each place, if they are trained one after another."""
    shards: list[list[int]] = [[] for _ in range(places)]
    load = np.zeros(places)
    for k in sorted(range(len(keys)), key=lambda k: (-prices[k], keys[k])):
        d = min((d for d in range(places) if len(shards[d]) < room), key=lambda d: load[d])
        shards[d].append(k)
        load[d] += prices[k]
    return shards


def _groups_dealt(
    plan: Plan,
    bodies: Sequence[int],
    keys: Sequence[int],
    lanes: Sequence[int],
    places: int,
    room: int,
) -> list[list[int]]:
    """Returns the members of each place, if they are trained in lanes; sorts a body's by key."""
    counts = np.bincount(np.array(bodies, int), minlength=len(plan.bodies))
    shares = dealt(counts, lanes, group_prices(plan.bodies, lanes, plan.price), places, room)
    ahead = iter(sorted(range(len(keys)), key=lambda k: (bodies[k], keys[k])))
    shards: list[list[int]] = [[] for _ in range(places)]
    for body in range(len(plan.bodies)):
        for shard, count in zip(shards, shares[:, body], strict=True):
            shard.extend(islice(ahead, int(count)))
    return shards


def body_of(plan: Plan, member: Member) -> int:
    """Returns the index of the body that trains a member; ConfigError if the plan has none."""
    index = plan.body_of(member.shape)
    if index is None or not plan.covers(member.config):
        raise ConfigError(
            f"The plan has no body for {member.shape}, or none with its activations, norms or"
            " dropout: make a plan from configs that include it."
        )
    return index


def traced_hparams(
    plan: Plan, members: Sequence[Member], placement: Placement, rows: int
) -> TracedHparams:
    """Returns the members' traced numbers as arrays over rows; rows without a member hold zeros."""
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
