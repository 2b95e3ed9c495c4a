"""The three kinds of entries of a space, each with its map to the unit interval and back.

Coordinates are float64, which sets the limits: real numbers within +-1e300, integers within
+-2**53, at most 2**50 values on one axis. Numpy scalars count as Python's.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from hptjax.checks import (
    check_unit,
    checked_flag,
    checked_grid,
    checked_range,
    distinct,
    is_integer,
    is_number,
    is_text,
    listed,
    plain,
    some,
)
from hptjax.errors import ConfigError, shown, shown_key

Value: TypeAlias = bool | int | float | str


class Arithmetic(NamedTuple):
    """The functions that decoding needs: Python's on the host, JAX's inside a program."""

    floor: Callable[[Any], Any]  # to whole numbers
    exp: Callable[[Any], Any]
    least: Callable[[Any, Any], Any]
    most: Callable[[Any, Any], Any]


HOST = Arithmetic(math.floor, math.exp, min, max)

_LARGEST_LOG = 2**40  # above it, neighbouring integers have nearly the same logarithm in float64
_MOST_VALUES = 2**50  # with more, neighbours would share a coordinate
_NARROW = 1 + 1e-6  # below this ratio high/low a logarithm is straight, and only loses digits


@dataclass(frozen=True, slots=True)
class Float:
    """Real number on [low, high]; `log` makes equal ratios equally likely.

    Decoded values are rounded to about 12 digits of the range, so that encode and decode agree
    exactly. Ends: within +-1e300. snap: as in Integer. step: if given, the values are only low, low
    + step, ..., high, each with an equal share of the unit interval; not with `log`.
    """

    low: float
    high: float
    log: bool = False
    grid: Sequence[float] | None = None
    snap: bool = False
    step: float | None = None
    kind: ClassVar[str] = "float"

    def __post_init__(self) -> None:
        low, high, log = checked_range("float", self.low, self.high, self.log)
        _store(self, low=float(low), high=float(high), log=log, snap=checked_flag(self.snap))
        self._check_step()
        if self.grid is not None:
            _store(self, grid=checked_grid(self.grid, self.check))

    def _check_step(self) -> None:
        if self.step is None:
            return
        step = plain(self.step)
        if not is_number(step) or step <= 0:
            raise ConfigError(f"step must be a number > 0, got {shown(step)}.")
        if self.log:
            raise ConfigError(f"a log scale has no steps, got step={step}: leave out one of them.")
        steps = (self.high - self.low) / step
        if steps >= _MOST_VALUES or abs(steps - round(steps)) > 1e-9 * max(steps, 1):
            raise ConfigError(
                f"high must be low plus a multiple of step={step}, got low={self.low}, "
                f"high={self.high}."
            )
        _store(self, step=float(step))

    @property
    def count(self) -> int:
        """The number of values; only with a step."""
        assert self.step is not None
        return round((self.high - self.low) / self.step) + 1

    def check(self, value: Any) -> float:
        """The value as float, or the nearest step; ConfigError if it is out of bounds."""
        value = plain(value)
        if not is_number(value) or not self.low <= value <= self.high:
            raise ConfigError(f"must be a number in [{self.low}, {self.high}], got {shown(value)}.")
        if self.step is None:
            return float(value)
        index = math.floor((value - self.low) / self.step + 0.5)
        return self._stepped(min(index, self.count - 1))

    def _stepped(self, index: int) -> float:
        assert self.step is not None
        value = round(self.low + index * self.step, self._decimals())
        return min(max(value, self.low), self.high)

    def values(self) -> tuple[float, ...]:
        """All values, in order; only with a step."""
        return tuple(map(self._stepped, range(self.count)))

    def from_unit(self, u: float) -> float:
        value = self.at(check_unit(u), HOST)
        value = float(f"{value:.12g}") if self._curved() else round(value, self._decimals())
        return min(max(value, self.low), self.high)

    def at(self, u: Any, by: Arithmetic) -> Any:
        """The value at u in [0, 1], unrounded, within rounding of the bounds."""
        if self._curved():
            low, high = math.log(self.low), math.log(self.high)
            return by.exp(low + u * (high - low))
        if self.step is not None:
            return self.low + by.least(by.floor(u * self.count), self.count - 1) * self.step
        return self.low + u * (self.high - self.low)

    def to_unit(self, value: Any) -> float:
        own, value = self.check(value), plain(value)
        if self.low == self.high:
            return 0.5
        if self.step is not None:
            return (round((own - self.low) / self.step) + 0.5) / self.count
        if self._curved():
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def _curved(self) -> bool:
        return self.log and self.high > self.low * _NARROW

    def _decimals(self) -> int:
        size = min(max(abs(self.low), abs(self.high)), self.high - self.low)
        return 12 - math.ceil(math.log10(size)) if size > 0 else 12

    def points(self) -> tuple[float, ...]:
        """Grid points: the given ones, else all of up to five steps, else ends and middle."""
        if self.grid is None and self.step is not None and self.count <= 5:
            return self.values()
        return tuple(self.grid or dict.fromkeys(self.from_unit(u) for u in (0.0, 0.5, 1.0)))

    def nearest_point(self, value: float) -> float:
        return _nearest(self.points(), value, log=self.log)


@dataclass(frozen=True, slots=True)
class Integer:
    """Integer in {low, low+step, ..., high}: every value has an equal share of the unit interval.

    With `log` (step 1 only) value v has the share of [v - 1/2, v + 1/2] on the logarithm instead.
    Ends: within +-2**53, at most 2**50 values; with `log` up to 2**40. snap: a network gets the
    nearest grid point, so that only grid points are ever compiled.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    grid: Sequence[int] | None = None
    snap: bool = False
    kind: ClassVar[str] = "int"

    def __post_init__(self) -> None:
        low, high, log = checked_range("int", self.low, self.high, self.log)
        step = plain(self.step)
        if not is_integer(step) or step < 1:
            raise ConfigError(f"step must be an integer >= 1, got {shown(step)}.")
        if top := (high - low) % step:
            raise ConfigError(
                f"high must be low plus a multiple of step={step}, "
                f"got low={low}, high={high}: use high={high - top}."
            )
        if log and step != 1:
            raise ConfigError(f"a log scale needs step 1, got step={step}.")
        _store(self, low=int(low), high=int(high), step=int(step), log=log)
        _store(self, snap=checked_flag(self.snap))
        self._check_count()
        if self.grid is not None:
            _store(self, grid=checked_grid(self.grid, self._on_lattice))

    def _check_count(self) -> None:
        """Raises ConfigError where float64 cannot tell the values apart."""
        if self.log and self.high > _LARGEST_LOG:
            raise ConfigError(f"a log scale needs high <= 2**40, got high={self.high}.")
        if (count := (self.high - self.low) // self.step + 1) > _MOST_VALUES:
            raise ConfigError(
                f"a range must hold at most 2**50 values (coordinates are float64), got {count}: "
                "use a larger step."
            )

    def __len__(self) -> int:
        return (self.high - self.low) // self.step + 1

    def check(self, value: Any) -> int:
        """The nearest value of the lattice; ConfigError unless it is a number in bounds."""
        value = plain(value)
        if not is_number(value) or not self.low <= value <= self.high:
            raise ConfigError(f"must be a number in [{self.low}, {self.high}], got {shown(value)}.")
        index = math.floor((value - self.low) / self.step + 0.5)
        return self.low + min(index, len(self) - 1) * self.step

    def _on_lattice(self, value: Any) -> int:
        if not is_integer(value) or self.check(value) != value:
            raise ConfigError(
                f"must be one of {self.low}..{self.high} in steps of {self.step}, "
                f"got {shown(value)}."
            )
        return int(value)

    def from_unit(self, u: float) -> int:
        return self.at(check_unit(u), HOST)

    def at(self, u: Any, by: Arithmetic) -> Any:
        """The value at u in [0, 1]."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = by.floor(by.exp(low + u * (high - low)) + 0.5)
            return by.least(by.most(value, self.low), self.high)
        return self.low + by.least(by.floor(u * len(self)), len(self) - 1) * self.step

    def to_unit(self, value: Any) -> float:
        """Centre of the value's share; a fractional start value keeps its place between shares."""
        self.check(value)
        value = plain(value)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (math.log(value) - low) / (high - low)
        return ((value - self.low) / self.step + 0.5) / len(self)

    def points(self) -> tuple[int, ...]:
        """Grid points: the given ones, else all of up to five values, else ends and middle."""
        if self.grid is not None:
            return tuple(self.grid)
        if len(self) <= 5:
            return tuple(range(self.low, self.high + 1, self.step))
        return tuple(self.from_unit(u) for u in (0.0, 0.5, 1.0))

    def nearest_point(self, value: float) -> int:
        return _nearest(self.points(), value, log=self.log)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of the given choices, each with an equal share of the unit interval.

    Booleans are `Categorical((False, True))`: u >= 1/2 is True. A mapping {name: meaning} gives
    names to choices that are parts or lists. meanings: what the names stand for, as JSON; set by
    the class itself.
    """

    choices: Sequence[Value]
    grid: Sequence[Value] | None = None
    meanings: tuple[str, ...] | None = None
    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        if isinstance(self.choices, Mapping):
            meanings = tuple(_as_json(name, meant) for name, meant in self.choices.items())
            _store(self, choices=tuple(self.choices), meanings=meanings)
        choices = listed("choices", self.choices)
        for choice in choices:
            if not (isinstance(choice, bool) or is_text(choice) or is_number(choice)):
                cure = "write none for no part" if choice is None else "numbers must be finite"
                raise ConfigError(
                    f"a choice must be a boolean, number or text, got {shown(choice)}; {cure}."
                )
        _store(self, choices=distinct("choices", choices))
        if self.grid is not None:
            _store(self, grid=checked_grid(self.grid, self.check))

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def boolean(self) -> bool:
        return all(isinstance(choice, bool) for choice in self.choices)

    def meaning(self, choice: Any) -> Any:
        """What a choice stands for: itself, or the part or list that it names."""
        if self.meanings is None:
            return choice
        return json.loads(self.meanings[self._index(choice)])

    def to_choices(self) -> Any:
        """The choices as they are written: a list, or a mapping of names to meanings."""
        if self.meanings is None:
            return list(self.choices)
        return {choice: self.meaning(choice) for choice in self.choices}

    def check(self, value: Any) -> Value:
        """The choice that the value means; for booleans a number of at least 0.5 means True."""
        return self.choices[self._index(value)]

    def _index(self, value: Any) -> int:
        value = plain(value)
        if isinstance(value, str | int | float):  # `array == choice` would be an array
            for index, choice in enumerate(self.choices):
                if isinstance(choice, bool) == isinstance(value, bool) and choice == value:
                    return index
        if self.boolean and is_number(value) and 0 <= value <= 1:
            return self._index(bool(value >= 0.5))
        raise ConfigError(f"must be one of {some(self.choices)}, got {shown(value)}.")

    def from_unit(self, u: float) -> Value:
        return self.choices[self.at(check_unit(u), HOST)]

    def at(self, u: Any, by: Arithmetic) -> Any:
        """The place of the choice at u in [0, 1]."""
        return by.least(by.floor(u * len(self)), len(self) - 1)

    def to_unit(self, value: Any) -> float:
        """Centre of the choice's share; a boolean tuned as a number stays in place (0.51)."""
        index = self._index(value)
        value = plain(value)
        if not isinstance(value, bool) and self.choices == (False, True) and 0 < value < 1:
            return float(value)
        return (index + 0.5) / len(self)

    def points(self) -> tuple[Value, ...]:
        return tuple(self.choices if self.grid is None else self.grid)


def _as_json(name: Any, meaning: Any) -> str:
    try:
        return json.dumps(meaning, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError(
            f"choices.{shown_key(name)}: must be what a file can hold, got {shown(meaning)}."
        ) from None


def _nearest(points: Sequence[Any], value: float, *, log: bool) -> Any:
    """The point nearest to a value, the lower of two equally near; with `log` by ratio."""
    if log and value > 0:
        return min(sorted(points), key=lambda point: abs(math.log(point / value)))
    return min(sorted(points), key=lambda point: abs(point - value))


def _store(entry: Any, **values: Any) -> None:
    """Writes checked values into a frozen entry."""
    for name, value in values.items():
        object.__setattr__(entry, name, value)


Entry: TypeAlias = Float | Integer | Categorical


def count_of(entry: Entry) -> float:
    """How many values an entry has, inf for a real range."""
    if isinstance(entry, Float):
        return entry.count if entry.step else 1 if entry.low == entry.high else math.inf
    return len(entry)


def values_of(entry: Entry) -> Sequence[Value]:
    """All values of an entry that is no real range, in order."""
    if isinstance(entry, Float):
        assert entry.low == entry.high or entry.step is not None
        return (entry.low,) if entry.step is None else entry.values()
    if isinstance(entry, Integer):
        return range(entry.low, entry.high + 1, entry.step)
    return entry.choices
