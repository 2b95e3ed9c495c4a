"""What is tuned, in Python: entries in place of a value, as `lr=loguniform(1e-4, 1e-1)`.

Each takes `default` (else the middle of its scale, or the first choice), `grid` (the values of a
grid search), and `each` (whether copies of a layer have values of their own). What they give is
what a file says, and is checked where a model or a study reads it.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def uniform(low: float, high: float, step: float | None = None, **options: Any) -> dict[str, Any]:
    """A real number, all equally likely."""
    return {"float": [low, high], **_given(step=step), **options}


def loguniform(low: float, high: float, **options: Any) -> dict[str, Any]:
    """A real number, equal ratios equally likely."""
    return {"float": [low, high], "log": True, **options}


def integer(
    low: int, high: int, step: int | None = None, log: bool = False, **options: Any
) -> dict[str, Any]:
    """A whole number; both ends belong to it."""
    return {"int": [low, high], **_given(step=step, log=log or None), **options}


def choice(choices: Sequence[Any] | Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """One of some values, of some parts, or of some values by names.

    A choice of layers takes a `label`.
    """
    own = dict(choices) if isinstance(choices, Mapping) else list(choices)
    return {"choice": own, **options}


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
