"""Metrics: a trial is judged by one number, a named function of its curves with a direction."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from hptjax.data.targets import Kind
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.records.goal import Goal, checked_direction
from hptjax.records.metrics import VAL, known_direction
from hptjax.tasks.base import Measure

Function = Callable[..., Any]
Sight = Literal["curves", "logits"]


@dataclass(frozen=True)
class Metric(Goal):
    """A function from the curves {name: [epochs]} of a trial so far to its value, a real number.

    Calling it returns the value; the curves have at least one epoch. Raises ConfigError if the
    function returns anything but a real number, or uses a curve that does not exist. sees: the
    function's argument. A function that sees logits returns, for each network and epoch, the next
    point of the curve `curve`. word: its word in the table of metrics, if it has one. kinds: the
    kinds of targets that it can judge.

    Example:
        >>> import hptjax, numpy as np
        >>> @hptjax.metric("minimize")
        ... def last_loss(curves):
        ...     return curves["val_loss"][-1]
        >>> isinstance(last_loss, hptjax.Metric), last_loss({"val_loss": np.array([0.5, 0.25])})
        (True, 0.25)
    """

    function: Function = lambda curves: curves["val_loss"][-1]
    ideal: float = 0.0
    sees: Sight = "curves"
    word: str = ""
    kinds: tuple[Kind, ...] = get_args(Kind)

    def __call__(self, curves: Mapping[str, np.ndarray]) -> float:
        known = _Curves(self.name, curves)
        return self._checked(known[self.curve][-1] if self.curve else self.function(known))

    @property
    def curve(self) -> str:
        """The name of the curve that it computes from logits; empty if it sees curves."""
        own = self.name if self.name.startswith(VAL) else VAL + self.name
        return own if self.sees == "logits" else ""

    def of_logits(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """The next point of a network's curve; NaN, without a call, if its outputs are not finite.

        logits: [N, K], for the validation images; targets: [N, ...], of the same images.
        """
        if not np.isfinite(logits).all():
            return float("nan")
        return self._checked(self.function(logits, targets))

    def _checked(self, value: Any) -> float:
        if not _is_real(value):
            raise ConfigError(
                f"metric {self.name}: must return one real number, it returned {shown(value)}."
            )
        return float(value)

    @property
    def about(self) -> str:
        """A line about it: the first line of its function's docstring, and its direction."""
        first = inspect.cleandoc(self.function.__doc__ or "").split("\n")[0].removesuffix(".")
        return "; ".join(filter(None, (first, f"{self.better} is better")))

    @property
    def goal(self) -> Goal:
        """Its name and direction only."""
        return Goal(self.name, self.direction)

    def to_tree(self) -> str | dict[str, str]:
        """The form in a study's config, with its word in the table if it has one."""
        tree = super().to_tree()
        return tree if isinstance(tree, str) or not self.word else {**tree, "word": self.word}

    def loss(self, value: float) -> float:
        """The fitness for a value: lower is better, and 0 at the ideal if that is a bound."""
        return value if self.direction == "minimize" else self.ideal - value


def _is_real(value: Any) -> bool:
    """Whether it is a real number, or an array of numpy or JAX with shape () that holds one."""
    if isinstance(value, int | float):
        return not isinstance(value, bool)
    return getattr(value, "shape", None) == () and value.dtype.kind in "iuf"


class _Curves(dict[str, np.ndarray]):
    """The curves for a metric; an unknown name raises a ConfigError with the known ones."""

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
    """Turns a function of a trial's curves {name: [epochs]}, or of logits, into a metric.

    direction: "minimize" or "maximize". name: the metric's name; the function's name if None. sees:
    "curves" or "logits". A function that sees curves gets all metrics of the epochs so far, at
    least one epoch; with `repeats` the curves are means. A function that sees logits is called once
    for each network and epoch, with the outputs [N, K] for the validation images and their targets
    [N, ...], both NumPy arrays; its result is recorded as the curve `val_<name>`. The logits of all
    networks come to the host together, 4 N K bytes for each. Raises ConfigError for a wrong
    direction or sees, and for a name that is taken.

    Example:
        >>> import hptjax
        >>> @hptjax.metric("maximize")
        ... def best_accuracy(curves):
        ...     return curves["val_accuracy"].max()
        >>> @hptjax.metric("maximize", sees="logits")
        ... def recall_of_9(logits, labels):
        ...     return (logits.argmax(1)[labels == 9] == 9).mean()
        >>> best_accuracy.direction, recall_of_9.curve
        ('maximize', 'val_recall_of_9')
    """
    if callable(direction):
        raise ConfigError(f"metric: {advice(direction)}")
    if sees not in get_args(Sight):
        raise ConfigError(
            f"metric: sees={shown(sees)} is unknown; a metric sees 'curves' or 'logits'."
        )
    chosen = checked_direction(direction)

    def made(function: Function) -> Metric:
        own = getattr(function, "__name__", "") if name is None else name
        if not isinstance(own, str) or not own.isprintable() or own in ("", "<lambda>"):
            raise ConfigError(
                f'metric: needs a name, write metric("{chosen}", name="...")(...); '
                f"got {shown(own)}."
            )
        new = Metric(own, chosen, function, sees="logits" if sees == "logits" else "curves")
        if known_direction(own) or known_direction(new.curve):
            raise ConfigError(f"metric: {own} is hptjax's own metric; give yours another name.")
        return new

    return made


def advice(function: object) -> str:
    name = getattr(function, "__name__", "it")
    return (
        "a function alone does not say which way is better; write "
        f'@hptjax.metric("maximize") or @hptjax.metric("minimize") above {name}.'
    )


def of_measure(name: str, measure: Measure) -> Metric:
    """The metric of a measure after the last epoch; name: the metric's name, such as val_loss."""
    return Metric(name, measure.direction, lambda curves: curves[name][-1], measure.ideal)


def _cumulative(curves: Mapping[str, np.ndarray]) -> Any:
    """The mean of val_loss over all epochs so far, as the original study logged it."""
    return np.mean(curves["val_loss"], dtype=np.float64)


cumulative = Metric("val_loss_cumulative", "minimize", _cumulative)
