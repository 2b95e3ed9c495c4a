"""Metrics that are functions of a network's outputs: the host computes a point of each curve."""

from collections.abc import Callable, Mapping, MutableMapping

import numpy as np

LOGITS = "logits"  # key of the outputs [rows, V, K] among a program's metrics, if Choices.logits

Functions = Mapping[str, Callable[[np.ndarray, np.ndarray], float]]


def add_points(
    functions: Functions, values: MutableMapping[str, np.ndarray], targets: np.ndarray
) -> None:
    """Replaces the outputs by the next points [P] of the functions' curves.

    functions: {curve: function} of a network's outputs [N, K] and the targets [N, ...] of the
    validation images. values: a program's {metric: [P]} and, under LOGITS, [P, V, K]; the last
    V - N outputs belong to images that fill up a batch.
    """
    logits = values.pop(LOGITS, ())
    for name, function in functions.items():
        points = [function(own[: len(targets)], targets) for own in logits]
        values[name] = np.array(points, np.float32)
