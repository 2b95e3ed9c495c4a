"""What a network costs: parameters, floating-point operations, bytes of training state."""

import math
from dataclasses import dataclass

from hptjax.models.shapes import statistics, weights
from hptjax.models.signature import Signature, Widths, map_sizes


@dataclass(frozen=True, slots=True)
class Costs:
    """parameters: trained numbers; train_flops: per image and step (forward and backward);
    state_bytes: of one member.
    """

    parameters: int
    forward_flops: int
    train_flops: int
    state_bytes: int


def costs(signature: Signature, widths: Widths) -> Costs:
    """Counts the products of convolutions and linear layers, 2 operations each; a batch norm or an
    Adam step is not counted.
    """
    shapes = weights(signature, widths)
    sizes = map_sizes(signature)
    areas = [height * width for height, width in sizes]
    forward, first = 0, 0
    for name, weight in shapes.items():
        if not name.endswith(".kernel"):
            continue
        stage = 0 if name.startswith("first_conv") else int(name.split(".")[1]) + 1
        pixels = 1 if name.startswith("mlp") else areas[stage]
        flops = 2 * pixels * math.prod(weight.shape)
        forward += flops
        first = first or flops  # the first layer needs no gradient of its input
    parameters = sum(math.prod(weight.shape) for weight in shapes.values())
    running = sum(math.prod(weight.shape) for weight in statistics(signature, widths).values())
    return Costs(parameters, forward, 3 * forward - first, 4 * (3 * parameters + running))
