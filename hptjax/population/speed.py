"""How long training takes, for people: said before a search begins.

Plans are made by `price`, in which one unit is as good as another. This is of seconds, of any
network: within a factor of two as a rule, on cores like those that it was fitted on.
"""

from collections.abc import Iterable

import numpy as np

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.models.weights import weights
from hptjax.population.price import Price, train_flops

FEATURES = (
    *("a step", "a weight", "a number of the maps", "an operation"),
    "an operation of a class of the user's own",
)
# Seconds of one core with AVX-512 for each of these, by `experiments/benchmarks/speed.py`: there
# 0.7 to 1.3 times what was measured; without kernels 0.5 to 1.3, and of a user's class not fitted.
KERNELS = (3.8e-5, 2.7e-9, 5.3e-10, 5.8e-12, 2.6e-11)
LOOPS = (0.0, 2.5e-9, 1.6e-9, 9.4e-12, 2.6e-11)
FORWARD = 1 / 3  # the share of a step in which images only go forward


def features(body: NetShape, shape: NetShape, *, live: bool = True) -> np.ndarray:
    """How much of each of the FEATURES a training step of a network has, float64 [5].

    body: what it is padded to; live: whether kernels compute the convolutions of the network alone.
    """
    costs, batch = costs_of(body), shape.signature.batch_size
    operations = costs.train_flops
    if live:
        operations += _convolved(shape) - _convolved(body)
    own = any(placed.layer.whole for placed in body.layers)
    both = (0, batch * operations) if own else (batch * operations, 0)
    return np.array([1, costs.parameters, batch * costs.map_numbers, *both], float)


def _convolved(shape: NetShape) -> int:
    """Operations of a training step in convolutions, per image."""
    linear = sum(weight.size for weight in weights(shape).values() if weight.pixels <= 1)
    return train_flops(shape) - 6 * linear


def epoch_seconds(
    members: Iterable[tuple[NetShape, NetShape]], price: Price, images: int, validation: int
) -> float:
    """Of one network, on one core or accelerator: the mean of these, each behind its body.

    price: of the platform, which tells what computes; images, validation: how many an epoch trains
    on, and measures.
    """
    return float(np.mean([_seconds(*pair, price, images, validation) for pair in members]))


def _seconds(body: NetShape, shape: NetShape, price: Price, images: int, validation: int) -> float:
    if price.per_step:  # an accelerator
        whole = price(body, shape) + price.of_launches(body)
        return (images + FORWARD * validation) * whole / price.per_second
    batch = shape.signature.batch_size
    own = features(body, shape, live=price.live) * (KERNELS if price.live else LOOPS)
    step, of_images = own.sum(), own[2:].sum() / batch
    return images // batch * step + FORWARD * validation * of_images
