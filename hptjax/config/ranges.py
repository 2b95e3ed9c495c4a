"""Entries of a space in Python: `lr=loguniform(1e-4, 1e-1)` tunes the learning rate.

Each function returns the entry as a file has it, `{float: [0.0001, 0.1], log: true}`. The entry is
checked when a model or a study reads it.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def uniform(
    low: float,
    high: float,
    step: float | None = None,
    *,
    default: float | None = None,
    grid: Sequence[float] | None = None,
    each: bool = False,
    snap: bool = False,
) -> dict[str, Any]:
    """Tunes a real number between two ends; all values are equally likely.

    Args:
        low: the lower end, which belongs to the range.
        high: the upper end, which belongs to the range, too.
        step: if given, the values are only low, low + step, ..., high.
        default: the value when nothing is tuned; the middle of the range if None.
        grid: the values that a grid search tries; both ends and the middle if None.
        each: whether every copy of a layer with a depth gets its own value.
        snap: whether a network gets the nearest value of the grid.

    Returns:
        The entry, as a file writes it.

    Raises:
        ConfigError: where a model or a study reads an entry that is none.

    Example:
        >>> import hptjax
        >>> hptjax.uniform(0.0, 0.5, step=0.1)
        {'float': [0.0, 0.5], 'step': 0.1}
    """
    return {"float": [low, high], **_given(step, default, grid, each=each, snap=snap)}


def loguniform(
    low: float,
    high: float,
    *,
    default: float | None = None,
    grid: Sequence[float] | None = None,
    each: bool = False,
    snap: bool = False,
) -> dict[str, Any]:
    """Tunes a real number between two ends above 0; equal ratios are equally likely.

    Args:
        low: the lower end, above 0.
        high: the upper end.
        default: the value when nothing is tuned; the geometric mean of the ends if None.
        grid: as in `uniform`.
        each: as in `uniform`.
        snap: as in `uniform`.

    Returns:
        The entry, as a file writes it.

    Raises:
        ConfigError: where a model or a study reads an entry that is none.

    Example:
        >>> import hptjax
        >>> hptjax.loguniform(1e-4, 1e-1, default=0.001)
        {'float': [0.0001, 0.1], 'log': True, 'default': 0.001}
    """
    return {"float": [low, high], "log": True, **_given(None, default, grid, each=each, snap=snap)}


def integer(
    low: int,
    high: int,
    step: int = 1,
    log: bool = False,
    *,
    default: int | None = None,
    grid: Sequence[int] | None = None,
    each: bool = False,
    snap: bool = False,
) -> dict[str, Any]:
    """Tunes a whole number between two ends; both ends belong to the range.

    Args:
        low: the lower end.
        high: the upper end: low plus a multiple of step.
        step: the distance between two neighbouring values.
        log: whether equal ratios are equally likely; only with a step of 1.
        default: as in `uniform`.
        grid: the values that a grid search tries; if None, all of up to five values, else
            both ends and the middle.
        each: as in `uniform`.
        snap: as in `uniform`.

    Returns:
        The entry, as a file writes it.

    Raises:
        ConfigError: where a model or a study reads an entry that is none.

    Example:
        >>> import hptjax
        >>> hptjax.integer(8, 64, log=True)
        {'int': [8, 64], 'log': True}
    """
    own = {**({"log": True} if log else {}), **_given(None, default, grid, each=each, snap=snap)}
    return {"int": [low, high], **({} if step == 1 else {"step": step}), **own}


def choice(
    choices: Sequence[Any] | Mapping[str, Any],
    *,
    default: Any = None,
    grid: Sequence[Any] | None = None,
    each: bool = False,
    label: str | None = None,
    depth: Any = None,
) -> dict[str, Any]:
    """Tunes a choice between values, parts or layers.

    Args:
        choices: numbers, texts, booleans, parts such as {"sgd": {"momentum": 0.9}} or layers; or
            a mapping from names to values of any kind.
        default: the value, or the name, when nothing is tuned; the first one if None.
        grid: the values that a grid search tries; all of them if None.
        each: as in `uniform`.
        label: the label of a choice of layers, which needs one.
        depth: how many copies a choice of layers has.

    Returns:
        The entry, as a file writes it.

    Raises:
        ConfigError: where a model or a study reads an entry that is none.

    Example:
        >>> import hptjax
        >>> hptjax.choice([3, 5])
        {'choice': [3, 5]}
    """
    own = dict(choices) if isinstance(choices, Mapping) else list(choices)
    layer = {key: value for key, value in (("label", label), ("depth", depth)) if value is not None}
    return {"choice": own, **layer, **_given(None, default, grid, each=each, snap=False)}


def _given(step: Any, default: Any, grid: Any, *, each: bool, snap: bool) -> dict[str, Any]:
    """The options that are not at their defaults."""
    values = {"step": step, "default": default, "grid": grid}
    flags = {"each": each, "snap": snap}
    return {name: own for name, own in values.items() if own is not None} | {
        name: own for name, own in flags.items() if own is not False
    }
