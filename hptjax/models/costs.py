"""What a network costs: parameters, floating-point operations, bytes of training state."""

import math
from dataclasses import dataclass, replace

from hptjax.config.model import AnyModel
from hptjax.models.chain import chain_of
from hptjax.models.signature import NetShape, net_shape, walk
from hptjax.models.weights import gathered, statistics, weights

# How often a training step passes over each number of a map that a convolution gives, if everything
# between two convolutions is fused. Forward: written, read for the norm's sums, read and written
# normalised, read by the next convolution. Backward: the gradient is written, the map read once
# more, both read for the norm's sums, both read and the gradient written again, read for the
# gradients of kernel and input.
MAP_PASSES = 14
# Each weight is read forward and backward, its gradient written; Adam reads four, writes three.
WEIGHT_PASSES = 10
# Numbers alive at once, for each number in a map. On XLA:CPU a step of the trial-1 space's widest
# networks has 3.7, 2.9 and 2.3 (strides 1, 2, 3), the same with 1, 4 and 16 members side by side.
MAPS_ALIVE = 4


@dataclass(frozen=True, slots=True)
class Costs:
    """What one member costs; FLOPs are per image, of a forward pass and of a training step.

    map_numbers: numbers in the maps that the convolutions of an image give; state_bytes: what
    training keeps; working_bytes: what a step takes beside it; step_bytes: what a step of a whole
    batch moves. The last two are estimates from the sizes of maps and weights, the last a low one.
    (XLA's own count takes each loop for one pass, and of a step outside a loop it has 1.9 to 3.2
    times as much on CPU, where convolutions copy their maps.)
    """

    parameters: int
    forward_flops: int
    train_flops: int
    map_numbers: int
    state_bytes: int
    working_bytes: int
    step_bytes: int


def costs_of(body: NetShape) -> Costs:
    """Counts the products of convolutions and linear layers, 2 operations each.

    A batch norm or an Adam step is not counted.
    """
    shapes = weights(body)
    forward, first = _flops(body)
    parameters = sum(weight.size for weight in shapes.values())
    numbers = sum(
        weight.pixels * weight.shape[0] for weight in shapes.values() if weight.pixels > 1
    )
    running = sum(weight.size for weight in statistics(body).values())
    batch, pixels = body.signature.batch_size, math.prod(body.signature.image)
    state = 4 * (3 * parameters + running)
    moved = batch * (MAP_PASSES * numbers + 2 * pixels) + WEIGHT_PASSES * parameters + 2 * running
    return Costs(
        parameters,
        forward_flops=forward,
        train_flops=3 * forward - first,
        map_numbers=numbers,
        state_bytes=state,
        working_bytes=4 * MAPS_ALIVE * batch * numbers + state,
        step_bytes=4 * moved,
    )


def _flops(body: NetShape) -> tuple[int, int]:
    """Of a forward pass of one image; and the part of the first layer, if it needs no gradient."""
    counts, first = [], 0
    for placed, incoming in walk(body.signature.incoming, body.layers):
        whole = placed.layer.flops(incoming)
        kinds = placed.layer.weights(incoming).values()
        own = [2 * weight.pixels * weight.size for weight in kinds]
        if not any(counts) and whole is None:
            first = next((count for count in own if count), 0)
        counts += own if whole is None else [whole]
    return sum(counts), first


def network_costs(config: AnyModel) -> Costs:
    """Costs of a network alone: a member of a population carries the norms that are off, too."""
    body = net_shape(config)
    used = gathered("weights", body.signature.incoming, chain_of(config))
    return replace(costs_of(body), parameters=sum(weight.size for weight in used.values()))
