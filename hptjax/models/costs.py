"""What a network costs: parameters, floating-point operations, bytes of training state."""

import math
from dataclasses import dataclass, replace

from hptjax.config.model import AnyModel
from hptjax.models.chain import chain_of
from hptjax.models.signature import NetShape, net_shape, walk
from hptjax.models.weights import gathered, statistics, weights

# How often a training step passes over each number of a map that a convolution returns, if all
# operations between two convolutions are fused. Forward: the map is written, read for the norm's
# sums, read and written normalised, and read by the next convolution. Backward: the gradient is
# written and the map read once more; both are read for the norm's sums; both are read and the
# gradient is written again; both are read for the gradients of kernel and input.
MAP_PASSES = 14
# Each weight is read forward and backward, and its gradient written; Adam reads four, writes three.
WEIGHT_PASSES = 10
# Numbers alive at once, for each number in a map. On XLA:CPU a step of the widest networks of the
# trial-1 space has 3.7, 2.9 and 2.3 (strides 1, 2, 3), with 1, 4 and 16 members side by side alike.
MAPS_ALIVE = 4


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of one member; FLOPs are per image, of a forward pass and of a training step.

    map_numbers: numbers in all maps that convolutions return for an image. state_bytes: what
    training keeps. working_bytes: what a step needs besides. step_bytes: what a step of a whole
    batch moves. The last two are estimates from the sizes of maps and weights; step_bytes is a low
    one. (XLA's own count takes each loop for one pass; for a step outside a loop it has 1.9 to 3.2
    times as much on CPUs, where convolutions copy their maps.)
    """

    parameters: int
    forward_flops: int
    train_flops: int
    map_numbers: int
    state_bytes: int
    working_bytes: int
    step_bytes: int


def costs_of(body: NetShape) -> Costs:
    """Counts 2 operations for each product of convolutions and linear layers.

    Batch norms and the optimizer's step are not counted.
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
    """Returns the FLOPs of a forward pass of one image, and those of the layer of the images."""
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
    """Returns the costs of a network alone; a population's member also carries disabled norms."""
    body = net_shape(config)
    used = gathered("weights", body.signature.incoming, chain_of(config))
    return replace(costs_of(body), parameters=sum(weight.size for weight in used.values()))
