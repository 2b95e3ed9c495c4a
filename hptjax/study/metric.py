"""The one number that a trial is judged by: a named function of its curves, with a direction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.records.goal import DIRECTION_OF, Goal, checked_direction

Function = Callable[[Mapping[str, np.ndarray]], Any]


@dataclass(frozen=True)
class Metric(Goal):
    """What people see of a trial: a real number made of its curves {name: [epochs]} so far.

    Calling it gives the value; ConfigError where the function gives something else than a real
    number, or asks for a curve that there is not. The curves have one epoch at least.
    """

    function: Function = lambda curves: curves["val_loss"][-1]
    ideal: float = 0.0

    def __call__(self, curves: Mapping[str, np.ndarray]) -> float:
        value = self.function(_Curves(self.name, curves))
        if not _is_real(value):
            raise ConfigError(
                f"metric {self.name}: must return one real number, it returned {shown(value)}."
            )
        return float(value)

    @property
    def goal(self) -> Goal:
        """Its name and direction alone."""
        return Goal(self.name, self.direction)

    def loss(self, value: float) -> float:
        """What searchers are told of a value: lower is better, 0 at the ideal if it is a bound."""
        return value if self.direction == "minimize" else self.ideal - value


def _is_real(value: Any) -> bool:
    """Whether it is a number, or numpy's or JAX's array of no axis that holds one."""
    if isinstance(value, int | float):
        return not isinstance(value, bool)
    return getattr(value, "shape", None) == () and value.dtype.kind in "iuf"


class _Curves(dict[str, np.ndarray]):
    """The curves as a metric sees them; a KeyError alone would not say what there is."""

    def __init__(self, metric: str, curves: Mapping[str, np.ndarray]) -> None:
        super().__init__(curves)
        self._metric = metric

    def __missing__(self, name: object) -> np.ndarray:
        raise ConfigError(
            f"metric {self._metric}: there is no curve {shown(name)}; {did_you_mean(name, self)}"
        )


def metric(
    direction: str, *, name: str | None = None, sees: str = "curves"
) -> Callable[[Function], Metric]:
    """Makes a metric of a function of a trial's curves {name: [epochs]}.

        @hptjax.metric("maximize")
        def best_accuracy(curves):
            return curves["val_accuracy"].max()

    direction: which way is better, "minimize" or "maximize"; name: the function's own if None. The
    curves are train_loss, train_accuracy, val_loss and val_accuracy of the epochs so far, one at
    least; with `repeats` they are means. Raises ConfigError for another direction, a name that is
    taken, or `sees="logits"`, which is not supported yet.
    """
    if callable(direction):
        raise ConfigError(f"metric: {_advice(direction)}")
    if sees != "curves":
        known = sees == "logits"
        why = "is not supported yet" if known else "is unknown"
        raise ConfigError(f"metric: sees={shown(sees)} {why}; a metric sees 'curves'.")
    chosen = checked_direction(direction)

    def made(function: Function) -> Metric:
        own = getattr(function, "__name__", "") if name is None else name
        if not isinstance(own, str) or not own.isprintable() or own in ("", "<lambda>"):
            raise ConfigError(
                f'metric: needs a name, write metric("{chosen}", name="...")(...); '
                f"got {shown(own)}."
            )
        if own in DIRECTION_OF:
            raise ConfigError(f"metric: {own} is hptjax's own metric; give yours another name.")
        return Metric(own, chosen, function)

    return made


def _advice(function: object) -> str:
    name = getattr(function, "__name__", "it")
    return (
        "a function alone does not say which way is better; write "
        f'@hptjax.metric("maximize") or @hptjax.metric("minimize") above {name}.'
    )


def _own(name: str, function: Function, ideal: float = 0.0) -> Metric:
    return Metric(name, DIRECTION_OF[name], function, ideal)


METRICS: dict[str, Metric] = {  # of the last epoch; the original study logged the mean of all
    "val_loss": _own("val_loss", lambda curves: curves["val_loss"][-1]),
    "val_accuracy": _own("val_accuracy", lambda curves: curves["val_accuracy"][-1], ideal=1.0),
    "val_loss_cumulative": _own(
        "val_loss_cumulative", lambda curves: np.mean(curves["val_loss"], dtype=np.float64)
    ),
}


def find_metric(tree: Any, given: Any = None) -> Metric:
    """The metric that a study runs by.

    tree: as the study's config has it; given: a Metric, or a known name, in its place. Raises
    ConfigError for a bare function, and where a config names a metric of one's own that is not
    given, or another one.
    """
    if given is None:
        goal = Goal.from_tree(tree)
        if goal.name not in METRICS:
            raise ConfigError(
                f"metric: {goal.name} is a function of your own; give it to run_study(metric=...)."
            )
        return METRICS[goal.name]
    if isinstance(given, Metric):
        return given
    if callable(given):
        raise ConfigError(f"metric: {_advice(given)}")
    return find_metric(given)
