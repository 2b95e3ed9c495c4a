"""Search spaces, and the one codec between hyperparameter values and the unit cube.

Integers and choices get equal shares of [0, 1], both ends included: rounding a uniform number
would halve the share of the two end values.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from hptjax._types import Hparams
from hptjax.errors import ConfigError

Value: TypeAlias = bool | int | float | str


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number; True and False are not."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool) and math.isfinite(value)


def _check_range(entry: "Float | Integer") -> None:
    low, high = entry.low, entry.high
    if not (_is_number(low) and _is_number(high) and low <= high):
        raise ConfigError(f"needs finite numbers low <= high, got low={low!r}, high={high!r}.")
    if entry.log and low <= 0:
        raise ConfigError(f"a log scale needs low > 0, got low={low!r}.")


def _check_points(entry: "Entry") -> None:
    """Grid points, if given, are a non-empty tuple of values of the entry; so is its start."""
    if entry.grid is not None:
        object.__setattr__(entry, "grid", tuple(entry.grid))
        if not entry.grid:
            raise ConfigError("grid needs at least one point, got none.")
    for value in entry.grid or ():
        to_unit(entry, value)
        if not _is_value(entry, value):
            raise ConfigError(f"grid needs values of the entry, got {value!r}.")
    if entry.start is not None:
        to_unit(entry, entry.start)


@dataclass(frozen=True, slots=True)
class Float:
    """A real number on [low, high]. grid: points of a grid search; start: where DES starts."""

    low: float
    high: float
    log: bool = False
    grid: tuple[float, ...] | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        _check_range(self)
        _check_points(self)


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer low, low + step, ..., high. Without a grid, all values are its grid."""

    low: int
    high: int
    step: int = 1
    log: bool = False
    grid: tuple[int, ...] | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        _check_range(self)
        if not all(isinstance(n, int) for n in (self.low, self.high, self.step)) or self.step < 1:
            raise ConfigError(
                "an integer needs whole numbers low, high and step >= 1, got"
                f" low={self.low!r}, high={self.high!r}, step={self.step!r}."
            )
        if (self.high - self.low) % self.step or (self.log and self.step != 1):
            raise ConfigError(
                "step must divide high - low, and be 1 on a log scale, got"
                f" low={self.low}, high={self.high}, step={self.step}."
            )
        _check_points(self)

    @property
    def values(self) -> tuple[int, ...]:
        """All values, ascending."""
        return tuple(range(self.low, self.high + 1, self.step))


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of some choices; a switch is Categorical((False, True)). Without a grid, all choices."""

    choices: tuple[Value, ...]
    grid: tuple[Value, ...] | None = None
    start: Value | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise ConfigError("choices needs at least one value, got none.")
        if any(not isinstance(c, (bool, int, float, str)) for c in self.choices):
            raise ConfigError(f"choices must be numbers, words or true/false, got {self.choices}.")
        if len(set(self.choices)) < len(self.choices):
            raise ConfigError(f"choices must differ from one another, got {self.choices}.")
        _check_points(self)

    @property
    def is_switch(self) -> bool:
        """Whether the choices are False and True, in this order."""
        return len(self.choices) == 2 and self.choices[0] is False and self.choices[1] is True


Entry: TypeAlias = Float | Integer | Categorical


def _is_value(entry: Entry, value: Any) -> bool:
    """Whether decoding can give this very value."""
    if isinstance(entry, Integer):
        return value in entry.values
    return isinstance(entry, Float) or value in entry.choices


def to_unit(entry: Entry, value: Any) -> float:
    """Place in [0, 1] of a value: the middle of its share for an integer or a choice.

    Between two integers lies between their places. A switch also takes a number in [0, 1], which is
    its own place (from .5 on it decodes to True). Raises ConfigError for values outside the entry.
    """
    if isinstance(entry, Categorical):
        return _choice_to_unit(entry, value)
    if not _is_number(value) or not entry.low <= value <= entry.high:
        raise ConfigError(f"must be a number in [{entry.low}, {entry.high}], got {value!r}.")
    low, high = _edges(entry)
    value = float(value)
    if low == high:
        return 0.5
    if entry.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _choice_to_unit(entry: Categorical, value: Any) -> float:
    if value in entry.choices:
        return (entry.choices.index(value) + 0.5) / len(entry.choices)
    if entry.is_switch and _is_number(value) and 0 <= value <= 1:
        return float(value)
    words = ", ".join(map(repr, entry.choices))
    raise ConfigError(f"must be one of {words}, got {value!r}.")


def from_unit(entry: Entry, u: float) -> Value:
    """The value at a place u of the unit interval; u outside [0, 1] is clipped to it.

    Raises ConfigError for NaN.
    """
    if math.isnan(u):
        raise ConfigError("a point of the unit cube must consist of numbers, got NaN.")
    u = min(max(float(u), 0.0), 1.0)
    if isinstance(entry, Categorical):
        return entry.choices[min(int(u * len(entry.choices)), len(entry.choices) - 1)]
    low, high = _edges(entry)
    if isinstance(entry, Integer) and not entry.log:
        index = min(int(u * len(entry.values)), len(entry.values) - 1)
        return entry.values[index]
    x = low * (high / low) ** u if entry.log else low * (1 - u) + high * u
    if isinstance(entry, Integer):
        x = math.floor(x + 0.5)
    return min(max(x, entry.low), entry.high)


def _edges(entry: Float | Integer) -> tuple[float, float]:
    """Ends of the scale; an integer's lie half a step further out, for equal shares."""
    half = entry.step / 2 if isinstance(entry, Integer) else 0.0
    return entry.low - half, entry.high + half


class Space(Mapping[str, Entry]):
    """An ordered search space {name: entry}; its D entries span the unit cube [0, 1]^D."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        if not entries:
            raise ConfigError("A space needs at least one hyperparameter, got none.")
        for name, entry in entries.items():
            if not isinstance(entry, (Float, Integer, Categorical)):
                raise ConfigError(f"{name} must be a Float, Integer or Categorical, got {entry!r}.")
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return tuple(self.items()) == tuple(other.items())  # the order of the axes counts

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        return f"Space({self._entries!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters, in the order of the cube's axes."""
        return tuple(self._entries)

    def decode(self, u: Sequence[float] | np.ndarray) -> dict[str, Value]:
        """Values at a point [D] of the unit cube; coordinates outside it are clipped to it."""
        if len(u) != len(self):
            raise ConfigError(f"A point of this space has {len(self)} coordinates, got {len(u)}.")
        return {name: from_unit(e, x) for (name, e), x in zip(self.items(), u, strict=True)}

    def encode(self, hparams: Hparams) -> np.ndarray:
        """The point [D] of the unit cube of these values, so that decoding gives them back.

        Raises ConfigError for names missing or unknown, and for values outside their entries.
        """
        if set(hparams) != set(self):
            raise ConfigError(
                f"Values are needed for exactly {', '.join(self)}; got {', '.join(hparams)}."
            )
        return np.array([self._place(name, hparams[name]) for name in self])

    def _place(self, name: str, value: Any) -> float:
        try:
            return to_unit(self[name], value)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None

    def start(self, hparams: Hparams | None = None) -> np.ndarray | None:
        """Start point [D] of the unit cube, from hparams, else the entries' own; None if neither.

        Axes without a start lie at .5. Raises ConfigError for unknown names and values outside.
        """
        chosen = {name: e.start for name, e in self.items() if e.start is not None}
        chosen |= dict(hparams or {})
        for name in chosen:
            if name not in self:
                raise ConfigError(f"{name}: is not in the space, which has {', '.join(self)}.")
        if not chosen:
            return None
        return np.array([self._place(n, chosen[n]) if n in chosen else 0.5 for n in self])

    def grid(self) -> list[dict[str, Value]]:
        """All grid points, the last name varying fastest; ConfigError for a Float without grid."""
        axes = [_grid_of(name, entry) for name, entry in self.items()]
        return [dict(zip(self, point, strict=True)) for point in itertools.product(*axes)]

    def sample(self, n: int, rng: np.random.Generator) -> list[dict[str, Value]]:
        """n points drawn uniformly from the unit cube."""
        return [self.decode(u) for u in rng.random((n, len(self)))]


def _grid_of(name: str, entry: Entry) -> tuple[Value, ...]:
    if entry.grid is not None:
        return entry.grid
    if isinstance(entry, Float):
        raise ConfigError(f"{name}: a grid search needs grid points, add  grid: [...]  to it.")
    return entry.values if isinstance(entry, Integer) else entry.choices
