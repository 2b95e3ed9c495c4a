"""Predicts how long training takes, to tell people before a search begins.

Plans use `price`, whose unit does not matter. This file predicts seconds for any network, usually
within a factor of two, on cores like those of the fit (`prices.yaml`, by
`experiments/benchmarks/speed.py`). `calibration` holds factors for a user's own devices.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.population.execution import Execution
from hptjax.population.groups import group_prices, slowest_price
from hptjax.population.plan import Plan
from hptjax.population.price import Price, train_flops
from hptjax.population.prices import table

FEATURES = (
    *("a step", "a weight", "a number of the maps", "an operation"),
    "an operation of a class of the user's own",
)
FORWARD = 1 / 3  # the share of a step that the forward pass takes


def features(body: NetShape, shape: NetShape, *, live: bool = True) -> np.ndarray:
    """Returns the amount of each of the FEATURES in a training step of a network, float64 [5].

    body: the body it is padded to. live: whether kernels compute only the channels and units of
    the network.
    """
    costs, batch = costs_of(body), shape.signature.batch_size
    operations = train_flops(shape if live else body)
    both = (0, batch * operations) if body.of_own_class else (batch * operations, 0)
    return np.array([1, costs.parameters, batch * costs.map_numbers, *both], float)


def generation_seconds(
    plan: Plan,
    execution: Execution,
    places: int,
    members: Sequence[tuple[NetShape, NetShape]],
    images: int,
    validation: int,
    networks: int | None = None,
) -> float:
    """Returns the seconds of an epoch of a generation, at the busiest place.

    members: networks that represent all members, each after its body. images, validation: how many
    images an epoch trains on, and how many it measures. networks: how many are trained; a full plan
    if None.
    """
    networks = plan.capacity if networks is None else networks
    if execution.lanes is None:
        each = epoch_seconds(members, plan.price, images, validation)
        return each * -(-networks // places)
    counts = np.round(np.array(plan.shares) * networks)
    prices = group_prices(plan.bodies, execution.lanes, plan.price)
    whole = slowest_price(counts, execution.lanes, prices, places)
    return (images + FORWARD * validation) * whole / plan.price.per_second


def epoch_seconds(
    members: Iterable[tuple[NetShape, NetShape]], price: Price, images: int, validation: int
) -> float:
    """Returns the seconds of one network on one core or accelerator: the mean over members.

    members: networks, each after its body. price: that of the platform; it tells what computes.
    images, validation: how many images an epoch trains on, and how many it measures.
    """
    return float(np.mean([_seconds(*pair, price, images, validation) for pair in members]))


def _seconds(body: NetShape, shape: NetShape, price: Price, images: int, validation: int) -> float:
    if price.per_step:  # an accelerator
        whole = price(body, shape) + price.of_launches(body)
        return (images + FORWARD * validation) * whole / price.per_second
    batch = shape.signature.batch_size
    seconds = table().row("cpu", kernels=price.live).seconds
    assert seconds is not None  # the packaged table has them for CPUs
    own = features(body, shape, live=price.live) * np.array(seconds)
    step, of_images = own.sum(), own[2:].sum() / batch
    return images // batch * step + FORWARD * validation * of_images
