"""How long training takes on a CPU, for people: said before a search begins.

Plans are made by `price`, in which a unit is as good as another; this is of seconds, and of any
network. Within a factor of two as a rule, on cores like those that it was fitted on.
"""

import numpy as np

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.models.weights import weights

FEATURES = ("a step", "an array of weights", "a weight", "a number of the maps", "an operation")


def features(shape: NetShape) -> np.ndarray:
    """How much of each of the FEATURES a training step of a network has, float64 [5]."""
    costs, batch = costs_of(shape), shape.signature.batch_size
    arrays = len(weights(shape))
    return np.array(
        [1, arrays, costs.parameters, batch * costs.map_numbers, batch * costs.train_flops], float
    )
