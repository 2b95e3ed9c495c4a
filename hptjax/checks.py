"""Checks of numbers, lists and ranges that a user gives; ConfigError for anything else."""

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

from hptjax.errors import ConfigError, shown

_LARGEST_END = 1e300  # so that widths of ranges and rounded values stay finite
_LARGEST_INT = 2**53  # float64 holds every integer up to here
_MOST_LISTED = 10_000


def plain(value: Any) -> Any:
    """A numpy scalar as a Python one, which does not wrap around or overflow in silence."""
    if isinstance(value, np.floating):
        return float(value)  # item() leaves a longdouble as it is
    return value.item() if isinstance(value, np.bool_ | np.integer | np.str_) else value


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is an int or float that is finite as a float; booleans are not numbers."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max  # compared exactly; False for NaN
    )


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is text that a file can hold: no lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_end(value: object) -> TypeGuard[int | float]:
    return is_number(value) and abs(value) <= _LARGEST_END


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is an int that float64 holds exactly; booleans are not."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_INT


def checked_range(kind: str, low: Any, high: Any, log: Any) -> tuple[Any, Any, bool]:
    """low, high and log as Python scalars; ConfigError unless they make a range."""
    low, high, log = plain(low), plain(high), plain(log)
    expected, fits = "finite numbers within +-1e300", _is_end
    if kind == "int":
        expected, fits = "integers within +-2**53 (coordinates are float64)", is_integer
    if not (fits(low) and fits(high)):
        raise ConfigError(
            f"low and high must be {expected}, got low={shown(low)}, high={shown(high)}."
        )
    if low > high:
        raise ConfigError(f"low must be <= high, got low={low}, high={high}.")
    if not isinstance(log, bool):
        raise ConfigError(f"log must be true or false, got {shown(log)}.")
    if log and low <= 0:
        raise ConfigError(f"a log scale needs low > 0, got low={low}.")
    return low, high, log


def checked_flag(snap: Any) -> bool:
    """`snap` as a Python boolean; ConfigError for anything else."""
    if not isinstance(plain(snap), bool):
        raise ConfigError(f"snap must be true or false, got {shown(snap)}.")
    return bool(snap)


def listed(what: str, values: Any) -> tuple[Any, ...]:
    """The values of a list; ConfigError if it is empty, too long, or not a list."""
    text = isinstance(values, str | bytes | bytearray | memoryview)
    is_list = isinstance(values, Sequence) and not text
    items = tuple(itertools.islice(values, _MOST_LISTED + 1)) if is_list else ()
    if not items:
        raise ConfigError(f"{what} must be a list of at least one value, got {shown(values)}.")
    if len(items) > _MOST_LISTED:
        raise ConfigError(
            f"{what} must hold at most {_MOST_LISTED} values, got more: give a range instead."
        )
    return tuple(plain(item) for item in items)


def checked_grid(grid: Any, check: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The values of a grid, each as `check` returns it; ConfigError where one is repeated."""
    points = []
    for value in listed("grid", grid):
        try:
            points.append(check(value))
        except ConfigError as error:
            raise ConfigError(f"a grid value {error}") from None
    return distinct("grid", points)


def distinct(what: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """The values as a tuple; ConfigError where one is repeated."""
    # 1 and 1.0 are the same value, for they are equal; True is not 1
    if len({(isinstance(value, bool), value) for value in values}) < len(values):
        raise ConfigError(f"{what} must not repeat a value, got {shown(list(values))}.")
    return tuple(values)


def check_unit(u: Any) -> float:
    """The coordinate clipped to [0, 1]; ConfigError unless it is a number, and for NaN."""
    try:
        clipped = math.nan if isinstance(u, str | bytes) else float(min(max(u, 0.0), 1.0))
    except (TypeError, ValueError):  # None, a list, an array of several numbers
        clipped = math.nan
    if math.isnan(clipped):
        raise ConfigError(f"a coordinate of the unit cube must be a number, got {shown(u)}.")
    return clipped


def some(choices: Sequence[object]) -> str:
    """The first twenty choices, for an error's text."""
    names = [str(choice) for choice in choices[:20]]
    return ", ".join(names if len(choices) <= 20 else [*names, "..."])
