"""The names of metrics, `train_` or `val_` and a measure: their order and direction."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Direction = Literal["minimize", "maximize"]

TRAIN, VAL = "train_", "val_"
LOSSES = ("train_loss", "val_loss")  # every task has these
CLASSIFICATION = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")

# The measures of hptjax's own tasks; this table lets records be read without importing a task.
MEASURES: Mapping[str, Direction] = {
    **dict.fromkeys(("loss", "loss_cumulative", "hamming_loss", "mae", "rmse"), "minimize"),
    **dict.fromkeys(("accuracy", "balanced_accuracy", "top_<k>_accuracy"), "maximize"),
    **dict.fromkeys(("macro_f1", "micro_f1", "macro_precision", "macro_recall"), "maximize"),
    **dict.fromkeys(("recall_<class>", "r2", "auc"), "maximize"),
}
_NUMBERED = re.compile(r"(?<=^top_)\d+(?=_accuracy$)|(?<=^recall_)\d+$")


def is_metric(name: str) -> bool:
    """Whether a name belongs to a metric."""
    return any(name.startswith(part) and name != part for part in (TRAIN, VAL))


def measure_of(metric: str) -> str:
    """The measure of a metric: `loss` for train_loss."""
    return metric.removeprefix(TRAIN if metric.startswith(TRAIN) else VAL)


def known_direction(metric: str) -> Direction | None:
    """The direction of a metric; None if its measure is not one of hptjax's own."""
    if not is_metric(metric):
        return None
    measure = measure_of(metric)
    number = _NUMBERED.sub("<k>" if measure.startswith("top") else "<class>", measure)
    return None if "<" in measure else MEASURES.get(number)


def in_order(metrics: Iterable[str]) -> tuple[str, ...]:
    """The names without repeats, training before validation; loss and accuracy lead each part."""

    def place(name: str) -> tuple[bool, int, str]:
        known = name in CLASSIFICATION
        leading = CLASSIFICATION.index(name) if known else len(CLASSIFICATION)
        return not name.startswith(TRAIN), leading, name

    return tuple(sorted(set(metrics), key=place))
