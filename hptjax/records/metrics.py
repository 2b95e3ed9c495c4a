"""Metrics by name: `train_` or `val_` and a measure. Their order, and which values are better."""

import re
from collections.abc import Iterable
from typing import Literal

Direction = Literal["minimize", "maximize"]

TRAIN, VAL = "train_", "val_"
LOSSES = ("train_loss", "val_loss")  # every task has them
CLASSIFICATION = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")

# The measures of hptjax's own tasks. A run's records are read where no task can be imported.
_LOWER = re.compile("(hamming_)?loss|mae|rmse")
_HIGHER = re.compile(
    r"(top_\d+_|balanced_)?accuracy|(macro|micro)_f1|macro_(precision|recall)|recall_\d+|r2"
)


def is_metric(name: str) -> bool:
    """Whether a name is one of a metric."""
    return any(name.startswith(part) and name != part for part in (TRAIN, VAL))


def measure_of(metric: str) -> str:
    """What a metric measures: `loss` of train_loss."""
    return metric.removeprefix(TRAIN if metric.startswith(TRAIN) else VAL)


def known_direction(metric: str) -> Direction | None:
    """Which way is better, None for a metric that is not of one of hptjax's own measures."""
    measure = measure_of(metric) if is_metric(metric) else ""
    if _LOWER.fullmatch(measure):
        return "minimize"
    return "maximize" if _HIGHER.fullmatch(measure) else None


def in_order(metrics: Iterable[str]) -> tuple[str, ...]:
    """The names, each once: those of a classification first, then by part and by alphabet."""

    def place(name: str) -> tuple[int, bool, str]:
        known = name in CLASSIFICATION
        return (
            CLASSIFICATION.index(name) if known else len(CLASSIFICATION),
            not name.startswith(TRAIN),
            name,
        )

    return tuple(sorted(set(metrics), key=place))
