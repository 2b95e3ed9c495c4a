"""Search spaces: the one place that maps hparams to the unit cube and back.

Grid, random, TPE and DES all derive from the same entries. A coordinate u outside [0, 1] is
clipped to it; NaN is refused with a ConfigError.
"""

import itertools
import math
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np

from hptjax.checks import is_integer, is_text, plain
from hptjax.entries import Categorical, Entry, Float, Integer, Value
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.glossary import Hparams
from hptjax.synonyms import NOTES

__all__ = [
    "Categorical",
    "Entry",
    "Float",
    "Grid",
    "Integer",
    "Space",
    "Value",
    "from_unit",
    "to_unit",
]

_KINDS: dict[str, type[Entry]] = {"float": Float, "int": Integer, "choice": Categorical}


def from_unit(entry: Entry, u: float) -> Value:
    """The value at u in [0, 1] (clipped); ConfigError for NaN."""
    return entry.from_unit(u)


def to_unit(entry: Entry, value: Any) -> float:
    """A coordinate in [0, 1] that decodes to the value; ConfigError for a value out of bounds."""
    return entry.to_unit(value)


def entry_from_dict(spec: Any, path: str) -> Entry:
    """Builds an entry from `{type: float|int|choice, ...}`; `choices` need no `type`."""
    if not isinstance(spec, Mapping):
        example = "{type: float, low: 0.001, high: 0.1}"
        raise ConfigError(f"{path}: must be a mapping such as {example}, got {shown(spec)}.")
    kind = spec.get("type", "choice" if "choices" in spec else None)
    if not isinstance(kind, str) or kind not in _KINDS:
        hint = f" {NOTES[kind]}." if isinstance(kind, str) and kind in NOTES else ""
        must = f"must be one of {', '.join(_KINDS)}, got {shown(kind)}"
        raise ConfigError(f"{path}.type: {must}{';' if hint else '.'}{hint}")
    known = [field.name for field in fields(_KINDS[kind]) if field.name != "meanings"]
    for key in spec:
        if key not in known and key != "type":
            if not isinstance(key, str):
                raise ConfigError(f"{path}: a key must be text, got {shown(key)}.")
            text = shown_key(key)
            hint = did_you_mean(text, [*known, "type"])
            raise ConfigError(f"{path}.{text}: unknown key; {hint}")
    for key in ("choices",) if kind == "choice" else ("low", "high"):
        if key not in spec:
            raise ConfigError(f"{path}.{key}: must be given, it is missing.")
    try:
        return _KINDS[kind](**{key: value for key, value in spec.items() if key != "type"})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


class Space(Mapping[str, Entry]):
    """Ordered mapping from hparam name to entry; immutable and hashable.

    The order of the names is the order of the D coordinates of the unit cube.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        if not isinstance(entries, Mapping) or not entries:
            raise ConfigError(f"a space must hold at least one hparam, got {shown(entries)}.")
        for name, entry in entries.items():
            if not is_text(name) or not name:
                raise ConfigError(f"the name of an hparam must be text, got {shown(name)}.")
            if not isinstance(entry, Float | Integer | Categorical):
                raise ConfigError(
                    f"{shown_key(name)}: must be Float, Integer or Categorical, got {shown(entry)}."
                )
        self._entries: dict[str, Entry] = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return tuple(self.items()) == tuple(other.items())

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        return f"Space({self._entries!r})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def decode(self, u: Any) -> dict[str, Value]:
        """Hparams at a point of the unit cube. u: [D], clipped to [0, 1]; ConfigError for NaN."""
        point = _coordinates(u, len(self))
        return {
            name: _named(name, entry.from_unit, x)
            for (name, entry), x in zip(self.items(), point, strict=True)
        }

    def encode(self, hparams: Hparams) -> np.ndarray:
        """A point [D] that decodes to the hparams; ConfigError for a missing or outlying value."""
        if not isinstance(hparams, Mapping):
            raise ConfigError(f"hparams must be a mapping of name to value, got {shown(hparams)}.")
        for name in self:
            if name not in hparams:
                raise ConfigError(f"{shown_key(name)}: must be given, it is missing.")
        for name in hparams:
            if name not in self:
                text = shown_key(name)
                raise ConfigError(f"{text}: not in the space; {did_you_mean(text, self)}")
        return np.array([_named(name, self[name].to_unit, hparams[name]) for name in self])

    def sample(self, n: int, rng: np.random.Generator) -> list[dict[str, Value]]:
        """n points drawn uniformly from the unit cube; n >= 0."""
        if not is_integer(plain(n)) or n < 0:
            raise ConfigError(f"n must be an integer >= 0, got {shown(n)}.")
        return [self.decode(u) for u in rng.random((n, len(self)))]

    def grid(self) -> "Grid":
        """Every combination of the grid points, made when asked for; the first name is fastest."""
        return Grid({name: entry.points() for name, entry in self.items()})

    def grid_size(self) -> int:
        """How many points the grid has, exactly, however many."""
        return math.prod(len(entry.points()) for entry in self.values())

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain dicts, fit for YAML; `from_dict` gives an equal space back."""
        return {name: _entry_dict(entry) for name, entry in self.items()}

    @classmethod
    def from_dict(cls, tree: Any, path: str = "space") -> "Space":
        """Builds a space from `{name: {type: ..., low: ..., high: ...}}`; errors name the path."""
        if not isinstance(tree, Mapping) or not tree:
            wanted = "a mapping of hparam name to entry"
            raise ConfigError(f"{path}: must be {wanted}, got {shown(tree)}.")
        for name in tree:
            if not is_text(name) or not name:
                raise ConfigError(f"{path}: the name of an hparam must be text, got {shown(name)}.")
        return cls(
            {name: entry_from_dict(x, f"{path}.{shown_key(name)}") for name, x in tree.items()}
        )


class Grid(Sequence[dict[str, Value]]):
    """The points of a grid, computed from their index: a grid of any size costs nothing.

    A slice is a Grid too. `size` is the exact number of points; `len()`, which Python cannot let
    exceed `sys.maxsize`, stops there. columns: the values of each hparam.
    """

    __slots__ = ("_columns", "_rows")

    def __init__(self, columns: Mapping[str, Sequence[Value]], rows: range | None = None) -> None:
        self._columns = {name: tuple(values) for name, values in columns.items()}
        count = math.prod(map(len, self._columns.values()))
        self._rows = range(count) if rows is None else rows

    @property
    def size(self) -> int:
        rows = self._rows
        return max(0, -((rows.start - rows.stop) // rows.step))

    def __len__(self) -> int:
        return min(self.size, sys.maxsize)

    @overload
    def __getitem__(self, index: int) -> dict[str, Value]: ...
    @overload
    def __getitem__(self, index: slice) -> "Grid": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Value] | Grid":
        rows = self._rows[index]
        return Grid(self._columns, rows) if isinstance(rows, range) else self._point(rows)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return map(self._point, self._rows)

    def __reversed__(self) -> Iterator[dict[str, Value]]:
        return map(self._point, reversed(self._rows))

    def __eq__(self, other: object) -> bool:
        """Whether the points are the same in the same order, also those of a list."""
        if isinstance(other, Grid) and self._columns == other._columns:
            return self._rows == other._rows
        if not isinstance(other, Grid | list):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"<Grid of {self.size} points over {', '.join(self._columns)}>"

    def _point(self, row: int) -> dict[str, Value]:
        point = {}
        for name, values in self._columns.items():
            row, position = divmod(row, len(values))
            point[name] = values[position]
        return point


def _coordinates(u: Any, count: int) -> list[Any]:
    """The entries of a point, unchecked but for their number; copies no more than those."""
    values = u if isinstance(u, Sequence) else np.asarray(u).tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise ConfigError(f"a point must be a list of numbers, got {shown(u)}.")
    point = list(itertools.islice(values, count + 1))
    if len(point) != count:
        got = "more" if len(point) > count else f"[{len(point)}]"
        raise ConfigError(f"a point must have shape [{count}], got {got}.")
    return point


def _named(name: str, function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except ConfigError as error:
        raise ConfigError(f"{shown_key(name)}: {error}") from None


def _entry_dict(entry: Entry) -> dict[str, Any]:
    tree: dict[str, Any] = {"type": entry.kind}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if value is not None and (value is not False or field.name not in ("log", "snap")):
            tree[field.name] = list(value) if isinstance(value, tuple) else value
    if isinstance(entry, Categorical):
        tree["choices"] = entry.to_choices()
        tree.pop("meanings", None)
    return tree
