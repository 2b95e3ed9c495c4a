"""From members to arrays: the place and row of each, their traced numbers, their true shapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.forward import LayerHparams
from hptjax.models.signature import Body, exact_body, widths_of
from hptjax.population.epoch import TracedHparams
from hptjax.population.optimiser import AdamHparams
from hptjax.population.plan import Plan


@dataclass(frozen=True)
class Member:
    """One candidate in a population; trial is the number from which its random keys derive."""

    config: ModelConfig
    trial: int

    @cached_property
    def shape(self) -> Body:
        """The network's exact shape."""
        return exact_body(self.config)


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
    for k in sorted(range(len(members)), key=lambda k: (-prices[k], members[k].trial)):
        d = min((d for d in range(places) if len(shards[d]) < room), key=lambda d: load[d])
        shards[d].append(k)
        load[d] += prices[k]
    rows = np.zeros(len(members), np.int32)
    counts = np.zeros((places, len(plan.bodies)), np.int32)
    for d, shard in enumerate(shards):
        for row, k in enumerate(sorted(shard, key=lambda k: (bodies[k], members[k].trial))):
            rows[k] = d * room + row
            counts[d, bodies[k]] += 1
    return Placement(rows, np.array(bodies, np.int32), counts, room)


def body_of(plan: Plan, member: Member) -> int:
    """Index of the body that trains a member; raises ConfigError when the plan has none."""
    index = plan.body_of(member.shape)
    if index is None or not plan.covers(member.config):
        raise ConfigError(
            f"The plan has no body for {member.shape}, or not with its activations, batch norms or"
            " dropout: make a plan from configs that include it."
        )
    return index


def traced_hparams(
    plan: Plan, members: Sequence[Member], placement: Placement, rows: int
) -> TracedHparams:
    """The members' traced numbers as arrays over rows; rows without a member hold zeros."""
    depth = max(body.signature.depth for body in plan.bodies)
    stages = max(len(body.widths.channels) for body in plan.bodies)

    def scalars(get: Callable[[Member], Any], dtype: Any) -> np.ndarray:
        out = np.zeros(rows, dtype)
        out[placement.rows] = [get(member) for member in members]
        return out

    def lists(
        get: Callable[[ModelConfig], Sequence[Any]], dtype: Any, length: int = depth
    ) -> np.ndarray:
        out = np.zeros((rows, length), dtype)
        for row, member in zip(placement.rows, members, strict=True):
            values = get(member.config)
            out[row, : len(values)] = values
        return out

    def layers(name: str) -> Callable[[ModelConfig], Sequence[Any]]:
        return lambda config: [getattr(layer, name) for layer in config.mlp_config.block_list]

    return TracedHparams(
        optimiser=AdamHparams(
            **{
                name: scalars(lambda m, name=name: getattr(m.config, name), np.float32)
                for name in ("lr", "weight_decay", "beta_1", "beta_2")
            }
        ),
        layers=LayerHparams(
            batch_norm=lists(layers("batch_norm"), bool),
            activation=lists(partial(_activations, plan), np.int32),
            dropout=lists(layers("dropout"), np.float32),
            units=lists(layers("out_size"), np.int32),
            channels=lists(lambda config: widths_of(config).channels, np.int32, stages),
        ),
        trial=scalars(lambda m: np.uint32(m.trial), np.uint32),
    )


def _activations(plan: Plan, config: ModelConfig) -> list[int]:
    names = config.mlp_config.computed_activations
    return [
        choices.activations.index(name) for choices, name in zip(plan.choices, names, strict=False)
    ]
