"""Metrics that are functions of a network's outputs: points of their curves, made on the host."""

from collections.abc import Callable, Mapping, MutableMapping

import numpy as np

LOGITS = "logits"  # beside a program's metrics [rows]: outputs [rows, V, K], where Choices.logits

Functions = Mapping[str, Callable[[np.ndarray, np.ndarray], float]]


def add_points(
    functions: Functions, values: MutableMapping[str, np.ndarray], targets: np.ndarray
) -> None:
    """Puts the points [P] of the functions' curves in the place of the outputs.

    functions: {curve: function} of the outputs [N, K] of a network and the targets [N, ...] of the
    validation images. values: of a program, {metric: [P]} and, under LOGITS, [P, V, K], of which
    the last V - N are of what fills a batch up.
    """
    logits = values.pop(LOGITS, ())
    for name, function in functions.items():
        points = [function(own[: len(targets)], targets) for own in logits]
        values[name] = np.array(points, np.float32)
