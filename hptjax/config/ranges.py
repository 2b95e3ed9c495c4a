"""What is tuned, in Python: entries in place of a value, as `lr=loguniform(1e-4, 1e-1)`.

What they give is what a file says, `{float: [0.0001, 0.1], log: true}`, and is checked where a
model or a study reads it.
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
    """A real number between two ends, all values equally likely.

    Args:
        low: the lower end, which belongs to the range.
        high: the upper end, likewise.
        step: None, or only low, low + step, ... up to high.
        default: the value where nothing is tuned; the middle of the range if None.
        grid: the values that a grid search tries; both ends and the middle if None.
        each: whether every copy of a layer that has a depth has a value of its own.
        snap: whether a network takes the nearest value of the grid.

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
    """A real number between two ends above 0, equal ratios equally likely.

    Args:
        low: the lower end, above 0.
        high: the upper end.
        default: as of `uniform`; the middle is the geometric one.
        grid: as of `uniform`.
        each: as of `uniform`.
        snap: as of `uniform`.

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
    """A whole number between two ends, both of which belong to it.

    Args:
        low: the lower end.
        high: the upper end: low plus a multiple of step.
        step: between two neighbours.
        log: whether equal ratios are equally likely; only with a step of 1.
        default: as of `uniform`.
        grid: the values that a grid search tries; all of up to five if None.
        each: as of `uniform`.
        snap: as of `uniform`.

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
    """One of some values, of some parts, or of some values that have names.

    Args:
        choices: numbers, texts, booleans, parts such as {"sgd": {"momentum": 0.9}} or layers; or
            a mapping from names to values of any kind.
        default: the value, or the name, where nothing is tuned; the first one if None.
        grid: the values that a grid search tries; all of them if None.
        each: as of `uniform`.
        label: of a choice of layers, which needs one.
        depth: of a choice of layers: how many copies it has.

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
    """The options that say something."""
    values = {"step": step, "default": default, "grid": grid}
    flags = {"each": each, "snap": snap}
    return {name: own for name, own in values.items() if own is not None} | {
        name: own for name, own in flags.items() if own is not False
    }
