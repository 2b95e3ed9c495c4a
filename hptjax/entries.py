"""The three kinds of hparams, each with its map to the unit interval and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from hptjax.errors import ConfigError

Value: TypeAlias = bool | int | float | str


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _check_range(kind: str, low: Any, high: Any, log: Any) -> None:
    expected, fits = ("integers", _is_integer) if kind == "int" else ("finite numbers", _is_number)
    if not (fits(low) and fits(high)):
        raise ConfigError(f"low and high must be {expected}, got low={low!r}, high={high!r}.")
    if low > high:
        raise ConfigError(f"low must be <= high, got low={low}, high={high}.")
    if not isinstance(log, bool):
        raise ConfigError(f"log must be true or false, got {log!r}.")
    if log and low <= 0:
        raise ConfigError(f"a log scale needs low > 0, got low={low}.")


def _check_grid(grid: Any) -> tuple[Any, ...]:
    if isinstance(grid, str) or not isinstance(grid, Sequence) or not grid:
        raise ConfigError(f"grid must be a list of at least one value, got {grid!r}.")
    if len({(type(value), value) for value in grid}) < len(grid):
        raise ConfigError(f"grid must not repeat a value, got {list(grid)}.")
    return tuple(grid)


def _check_unit(u: float) -> float:
    if math.isnan(u):
        raise ConfigError("a coordinate of the unit cube must be a number, got nan.")
    return min(max(float(u), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Float:
    """Real number on [low, high]; `log` makes equal ratios equally likely.

    Decoded values are rounded to about 12 digits, so that encode and decode agree exactly.
    """

    low: float
    high: float
    log: bool = False
    grid: Sequence[float] | None = None
    kind: ClassVar[str] = "float"

    def __post_init__(self) -> None:
        _check_range("float", self.low, self.high, self.log)
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if self.grid is not None:
            points = tuple(float(self.check(value)) for value in _check_grid(self.grid))
            object.__setattr__(self, "grid", points)

    def check(self, value: Any) -> float:
        """The value as float; ConfigError unless it is a number within the bounds."""
        if not _is_number(value) or not self.low <= value <= self.high:
            raise ConfigError(f"must be a number in [{self.low}, {self.high}], got {value!r}.")
        return float(value)

    def from_unit(self, u: float) -> float:
        u = _check_unit(u)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = float(f"{math.exp(low + u * (high - low)):.12g}")
        else:
            value = round(self.low + u * (self.high - self.low), self._decimals())
        return min(max(value, self.low), self.high)

    def to_unit(self, value: Any) -> float:
        value = self.check(value)
        if self.low == self.high:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def _decimals(self) -> int:
        size = max(abs(self.low), abs(self.high))
        return 12 - math.ceil(math.log10(size)) if size > 0 else 12

    def points(self) -> tuple[float, ...]:
        """Grid points: those given, else both ends and the middle of the scale."""
        return tuple(self.grid or dict.fromkeys(self.from_unit(u) for u in (0.0, 0.5, 1.0)))


@dataclass(frozen=True, slots=True)
class Integer:
    """Integer in {low, low+step, ..., high}: every value has an equal share of the unit interval.

    With `log` (step 1 only) value v has the share of [v - 1/2, v + 1/2] on the logarithm instead.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    grid: Sequence[int] | None = None
    kind: ClassVar[str] = "int"

    def __post_init__(self) -> None:
        _check_range("int", self.low, self.high, self.log)
        if not _is_integer(self.step) or self.step < 1:
            raise ConfigError(f"step must be an integer >= 1, got {self.step!r}.")
        if (self.high - self.low) % self.step:
            top = self.high - (self.high - self.low) % self.step
            raise ConfigError(
                f"high must be low plus a multiple of step={self.step}, "
                f"got low={self.low}, high={self.high}: use high={top}."
            )
        if self.log and self.step != 1:
            raise ConfigError(f"a log scale needs step 1, got step={self.step}.")
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.grid is not None:
            points = tuple(self._on_lattice(value) for value in _check_grid(self.grid))
            object.__setattr__(self, "grid", points)

    def __len__(self) -> int:
        return (self.high - self.low) // self.step + 1

    def check(self, value: Any) -> int:
        """The nearest value of the lattice; ConfigError unless a number within the bounds."""
        if not _is_number(value) or not self.low <= value <= self.high:
            raise ConfigError(f"must be a number in [{self.low}, {self.high}], got {value!r}.")
        index = math.floor((value - self.low) / self.step + 0.5)
        return self.low + min(index, len(self) - 1) * self.step

    def _on_lattice(self, value: Any) -> int:
        if not _is_integer(value) or self.check(value) != value:
            raise ConfigError(
                f"a grid value must be one of {self.low}..{self.high} in steps of {self.step}, "
                f"got {value!r}."
            )
        return int(value)

    def from_unit(self, u: float) -> int:
        u = _check_unit(u)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = math.floor(math.exp(low + u * (high - low)) + 0.5)
            return min(max(value, self.low), self.high)
        index = min(math.floor(u * len(self)), len(self) - 1)
        return self.low + index * self.step

    def to_unit(self, value: Any) -> float:
        """Centre of the value's share; a fractional start value keeps its place between shares."""
        self.check(value)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (math.log(value) - low) / (high - low)
        return ((value - self.low) / self.step + 0.5) / len(self)

    def points(self) -> tuple[int, ...]:
        """Grid points: those given, else all of up to five values, else ends and middle."""
        if self.grid is not None:
            return tuple(self.grid)
        if len(self) <= 5:
            return tuple(range(self.low, self.high + 1, self.step))
        return tuple(self.from_unit(u) for u in (0.0, 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of the given choices, each with an equal share of the unit interval.

    Booleans are `Categorical((False, True))`: u >= 1/2 is True.
    """

    choices: Sequence[Value]
    grid: Sequence[Value] | None = None
    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        if isinstance(self.choices, str) or not isinstance(self.choices, Sequence):
            raise ConfigError(f"choices must be a list, got {self.choices!r}.")
        if not self.choices:
            raise ConfigError("choices must hold at least one value, got an empty list.")
        for choice in self.choices:
            if not isinstance(choice, str | bool) and not _is_number(choice):
                raise ConfigError(f"a choice must be a boolean, number or text, got {choice!r}.")
        if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
            raise ConfigError(f"choices must not repeat a value, got {list(self.choices)}.")
        object.__setattr__(self, "choices", tuple(self.choices))
        if self.grid is not None:
            points = tuple(self.check(value) for value in _check_grid(self.grid))
            object.__setattr__(self, "grid", points)

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def boolean(self) -> bool:
        return all(isinstance(choice, bool) for choice in self.choices)

    def check(self, value: Any) -> Value:
        """The choice meant by the value; a boolean may be a number: 1/2 and more is True."""
        return self.choices[self._index(value)]

    def _index(self, value: Any) -> int:
        for index, choice in enumerate(self.choices):
            if isinstance(choice, bool) == isinstance(value, bool) and choice == value:
                return index
        if self.boolean and _is_number(value) and 0 <= value <= 1:
            return self._index(bool(value >= 0.5))
        shown = ", ".join(str(choice) for choice in self.choices)
        raise ConfigError(f"must be one of {shown}, got {value!r}.")

    def from_unit(self, u: float) -> Value:
        index = math.floor(_check_unit(u) * len(self))
        return self.choices[min(index, len(self) - 1)]

    def to_unit(self, value: Any) -> float:
        """Centre of the choice's share; a boolean tuned as a number stays in place (.51)."""
        index = self._index(value)
        if not isinstance(value, bool) and self.choices == (False, True) and 0 < value < 1:
            return float(value)
        return (index + 0.5) / len(self)

    def points(self) -> tuple[Value, ...]:
        return tuple(self.choices if self.grid is None else self.grid)


Entry: TypeAlias = Float | Integer | Categorical
