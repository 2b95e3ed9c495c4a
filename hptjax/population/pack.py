"""From configs to arrays: which device and row each member gets, its traced numbers, its true
shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.costs import costs
from hptjax.models.flat import initial_places, initial_statistics, layouts
from hptjax.models.forward import Knobs
from hptjax.models.signature import exact_body, signature_of, widths_of
from hptjax.ops.pointwise import ACTIVATIONS
from hptjax.population.plan import Plan


@dataclass(frozen=True, slots=True)
class Member:
    """One candidate in a population; trial is the number from which its random keys derive."""

    config: ModelConfig
    trial: int


@dataclass(frozen=True)
class Layout:
    """Where the members lie: rows [D * room], members of one device together, ordered by body.

    place [P]: row of each member; counts [D, bodies]: members of each body on each device.
    """

    place: np.ndarray
    counts: np.ndarray
    room: int


def lay_out(plan: Plan, members: Sequence[Member], devices: int) -> Layout:
    """Deals members to devices, the costliest first, each to the device with the least to do."""
    if len(members) > plan.capacity:
        raise ConfigError(
            f"The plan takes at most {plan.capacity} members a call, got {len(members)}:"
            " split them, or make a plan of a larger capacity."
        )
    bodies = [body_of(plan, member.config) for member in members]
    prices = [costs(plan.bodies[b].signature, plan.bodies[b].widths).train_flops for b in bodies]
    room = -(-plan.capacity // devices)
    shards: list[list[int]] = [[] for _ in range(devices)]
    load = np.zeros(devices)
    for k in sorted(range(len(members)), key=lambda k: (-prices[k], members[k].trial)):
        d = min((d for d in range(devices) if len(shards[d]) < room), key=lambda d: load[d])
        shards[d].append(k)
        load[d] += prices[k]
    place = np.zeros(len(members), np.int32)
    counts = np.zeros((devices, len(plan.bodies)), np.int32)
    for d, shard in enumerate(shards):
        for row, k in enumerate(sorted(shard, key=lambda k: (bodies[k], members[k].trial))):
            place[k] = d * room + row
            counts[d, bodies[k]] += 1
    return Layout(place, counts, room)


def body_of(plan: Plan, config: ModelConfig) -> int:
    """Index of the body that trains a config; raises ConfigError when the plan has none."""
    index = plan.body_of(config)
    if index is None:
        raise ConfigError(
            f"The plan has no body for the signature {signature_of(config)} at {widths_of(config)}:"
            " make a plan from configs that include it."
        )
    return index


def knobs(plan: Plan, members: Sequence[Member], layout: Layout, rows: int) -> Knobs:
    """The members' traced numbers as arrays over rows; rows without a member hold zeros."""
    depth = max(body.signature.depth for body in plan.bodies)

    def scalars(get, dtype) -> np.ndarray:
        out = np.zeros(rows, dtype)
        out[layout.place] = [get(member) for member in members]
        return out

    def lists(get, size: int, dtype) -> np.ndarray:
        out = np.zeros((rows, size), dtype)
        for row, member in zip(layout.place, members, strict=True):
            values = get(member.config)
            out[row, : len(values)] = values
        return out

    def layers(get):
        return lambda config: [get(layer) for layer in config.mlp_config.block_list]

    return Knobs(
        lr=scalars(lambda m: m.config.lr, np.float32),
        weight_decay=scalars(lambda m: m.config.weight_decay, np.float32),
        beta_1=scalars(lambda m: m.config.beta_1, np.float32),
        beta_2=scalars(lambda m: m.config.beta_2, np.float32),
        batch_norm=lists(layers(lambda layer: layer.batch_norm), depth, bool),
        activation=lists(_activations, depth, np.int32),
        dropout=lists(layers(lambda layer: layer.dropout), depth, np.float32),
        units=lists(lambda config: widths_of(config).units, depth, np.int32),
        trial=scalars(lambda m: np.uint32(m.trial), np.uint32),
    )


def _activations(config: ModelConfig) -> list[int]:
    """Activation numbers per layer; a last log-softmax is left to the loss, which applies it to any
    logits.
    """
    names = [layer.activation_fun for layer in config.mlp_config.block_list]
    if names[-1] == "logsoftmax":
        names[-1] = "none"
    return [ACTIVATIONS.index(name) for name in names]


def initial_arrays(
    plan: Plan, members: Sequence[Member], layout: Layout, rows: int
) -> tuple[np.ndarray, ...]:
    """What initialisation needs per row: (index, bounds, fills [rows, N], statistics [rows, S])."""
    sizes = np.max([[flat.size for flat in layouts(body)] for body in plan.bodies], axis=0)
    index = np.zeros((rows, sizes[0]), np.int32)
    bounds, fills = np.zeros((2, rows, sizes[0]), np.float32)
    stats = np.zeros((rows, sizes[1]), np.float32)
    for row, member in zip(layout.place, members, strict=True):
        true, padded = exact_body(member.config), plan.bodies[body_of(plan, member.config)]
        size, running = (flat.size for flat in layouts(padded))
        index[row, :size], bounds[row, :size], fills[row, :size] = initial_places(true, padded)
        stats[row, :running] = initial_statistics(true, padded)
    return index, bounds, fills, stats
