"""Further objectives, beside the metric that ranks trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.config.frozen import as_tuple
from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError, shown
from hptjax.models.costs import network_costs
from hptjax.records.goal import COSTS, Goal, goal_of_name
from hptjax.records.metrics import measure_of
from hptjax.study.metric import Metric
from hptjax.study.metrics import find_metric
from hptjax.tasks.base import Task
from hptjax.transpile.constraints import cost_of


@dataclass(frozen=True)
class Objective:
    """One more number of a trial: a metric of its curves, or a cost of its network.

    metric: None for a cost. Costs are minimised.
    """

    goal: Goal
    metric: Metric | None = None

    def value(self, curves: Mapping[str, np.ndarray], config: AnyModel) -> float:
        """The value in its own unit; curves: {name: [epochs]}, with at least one epoch."""
        if self.metric is not None:
            return self.metric(curves)
        return float(cost_of(network_costs(config), self.goal.name))

    def loss(self, value: float) -> float:
        """The fitness for searchers: lower is better."""
        return value if self.metric is None else self.metric.loss(value)


def objectives_of(words: Sequence[str], task: Task) -> tuple[Objective, ...]:
    """The objectives that a config names; ConfigError for an unknown name."""
    return tuple(_objective(word, task) for word in words)


def _objective(word: str, task: Task) -> Objective:
    if word in COSTS:
        return Objective(Goal(word, "minimize"))
    try:
        metric = find_metric(word, task=task)
    except ConfigError as error:
        reason = str(error).removeprefix("metric: ").rstrip(".")
        raise ConfigError(f"objectives: {reason}; a cost is {' or '.join(COSTS)}.") from None
    if goal_of_name(word) is None:
        raise ConfigError(
            f"objectives: must be measures of hptjax's own or costs, got {shown(word)}; a metric "
            "of your own may stand first, under metric."
        )
    return Objective(metric.goal, metric)


def objective_words(tree: Any, task: Task) -> tuple[str, ...]:
    """The words of a config's `objectives`; ConfigError for a mistake."""
    words = (tree,) if isinstance(tree, str) else as_tuple(tree)
    if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"objectives: must be a list of names, got {shown(tree)}.")
    objectives_of(words, task)
    return words


def with_objectives(tree: dict[str, Any]) -> dict[str, Any]:
    """Splits `metric: [val_accuracy, parameters]` into two keys, `metric` and `objectives`."""
    metric = tree.get("metric")
    if not isinstance(metric, list | tuple):
        return tree
    words: list[Any] = list(metric)
    if not words:
        raise ConfigError("metric: must name one metric at least, the list is empty.")
    if "objectives" in tree and len(words) > 1:
        raise ConfigError("objectives: are given twice, here and in the list of metric.")
    first, *others = words
    if first in COSTS:
        raise ConfigError(
            f"metric: {first} is a cost, and known before training; begin with what is measured, "
            f"as in [val_loss, {first}]."
        )
    return {**tree, "metric": first} | ({"objectives": others} if others else {})


def recorded_words(words: Sequence[str], task: Task) -> tuple[str, ...]:
    """The names in a config's `objectives` that have curves, to be recorded each epoch."""
    metrics = ((own.goal.name, own.metric) for own in objectives_of(words, task))
    return tuple(
        word
        for word, metric in metrics
        if metric is not None and (metric.curve or task.find(measure_of(word)) is not None)
    )
