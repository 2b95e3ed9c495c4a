"""The one number that a trial is judged by: a function of its curves, lower is better."""

from collections.abc import Callable, Mapping

import numpy as np

Metric = Callable[[Mapping[str, np.ndarray]], float]


def val_loss(curves: Mapping[str, np.ndarray]) -> float:
    """The validation loss of the last epoch."""
    return float(curves["val_loss"][-1])


def val_error(curves: Mapping[str, np.ndarray]) -> float:
    """One minus the validation accuracy of the last epoch."""
    return 1.0 - float(curves["val_accuracy"][-1])


def val_loss_cumulative(curves: Mapping[str, np.ndarray]) -> float:
    """The mean validation loss of all epochs so far, as the original study logged it."""
    return float(np.mean(curves["val_loss"], dtype=np.float64))


METRICS: dict[str, Metric] = {
    "val_loss": val_loss,
    "val_accuracy": val_error,
    "val_loss_cumulative": val_loss_cumulative,
}
