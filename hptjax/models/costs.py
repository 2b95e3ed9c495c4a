"""What a network costs: parameters, floating-point operations, bytes of training state."""

from dataclasses import dataclass, replace

from hptjax.config.schema import ModelConfig
from hptjax.models.signature import Body, exact_body
from hptjax.models.weights import statistics, weights


@dataclass(frozen=True, slots=True)
class Costs:
    """What one member costs; FLOPs are per image, of a forward pass and of a training step.

    map_numbers: numbers in the maps that the convolutions of an image give.
    """

    parameters: int
    forward_flops: int
    train_flops: int
    map_numbers: int
    state_bytes: int


def costs_of(body: Body) -> Costs:
    """Counts the products of convolutions and linear layers, 2 operations each.

    A batch norm or an Adam step is not counted.
    """
    shapes = weights(body)
    flops = [2 * weight.pixels * weight.size for weight in shapes.values()]
    first = flops[0]  # the first layer needs no gradient of its input
    forward = sum(flops)
    parameters = sum(weight.size for weight in shapes.values())
    numbers = sum(
        weight.pixels * weight.shape[0] for weight in shapes.values() if weight.pixels > 1
    )
    running = sum(weight.size for weight in statistics(body).values())
    return Costs(parameters, forward, 3 * forward - first, numbers, 4 * (3 * parameters + running))


def network_costs(config: ModelConfig) -> Costs:
    """Costs of a network alone: a member of a population carries the norms that are off, too."""
    whole = costs_of(exact_body(config))
    layers = config.mlp_config.block_list
    unused = sum(2 * layer.out_size for layer in layers if not layer.batch_norm)
    return replace(whole, parameters=whole.parameters - unused)
