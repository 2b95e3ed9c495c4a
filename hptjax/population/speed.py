"""How long training takes, for people: said before a search begins.

Plans are made by `price`, in which one unit is as good as another. This is of seconds, of any
network: within a factor of two as a rule, on cores like those that it was fitted on (`prices.yaml`,
by `experiments/benchmarks/speed.py`). `calibration` holds a user's own factors of them.
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
FORWARD = 1 / 3  # the share of a step in which images only go forward


def features(body: NetShape, shape: NetShape, *, live: bool = True) -> np.ndarray:
    """How much of each of the FEATURES a training step of a network has, float64 [5].

    body: what it is padded to; live: whether kernels compute the channels and units of the network
    alone.
    """
    costs, batch = costs_of(body), shape.signature.batch_size
    operations = train_flops(shape if live else body)
    own = any(placed.layer.whole for placed in body.layers)
    both = (0, batch * operations) if own else (batch * operations, 0)
    return np.array([1, costs.parameters, batch * costs.map_numbers, *both], float)


def generation_seconds(
    plan: Plan,
    execution: Execution,
    places: int,
    members: Sequence[tuple[NetShape, NetShape]],
    images: int,
    validation: int,
) -> float:
    """Of an epoch of as many members as the plan takes, at the place with the most to do.

    members: networks that stand for them all, each behind its body; images, validation: how many an
    epoch trains on, and measures.
    """
    if execution.lanes is None:
        each = epoch_seconds(members, plan.price, images, validation)
        return each * -(-plan.capacity // places)
    counts = np.round(np.array(plan.shares) * plan.capacity)
    prices = group_prices(plan.bodies, execution.lanes, plan.price)
    whole = slowest_price(counts, execution.lanes, prices, places)
    return (images + FORWARD * validation) * whole / plan.price.per_second


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
    seconds = table().row("cpu", kernels=price.live).seconds
    assert seconds is not None  # of CPUs the packaged table has them
    own = features(body, shape, live=price.live) * np.array(seconds)
    step, of_images = own.sum(), own[2:].sum() / batch
    return images // batch * step + FORWARD * validation * of_images
