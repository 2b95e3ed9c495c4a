"""Search spaces: the one place that maps hparams to the unit cube and back.

Grid, random, TPE and DES all derive from the same entries. A coordinate u outside [0, 1] is
clipped to it; NaN is refused with a ConfigError.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from hptjax.entries import Categorical, Entry, Float, Integer, Value
from hptjax.errors import ConfigError, did_you_mean
from hptjax.glossary import Hparams

__all__ = ["Categorical", "Entry", "Float", "Integer", "Space", "Value", "from_unit", "to_unit"]

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
        raise ConfigError(f"{path}: must be a mapping such as {example}, got {spec!r}.")
    kind = spec.get("type", "choice" if "choices" in spec else None)
    if kind not in _KINDS:
        raise ConfigError(f"{path}.type: must be one of {', '.join(_KINDS)}, got {kind!r}.")
    known = [field.name for field in fields(_KINDS[kind])]
    for key in spec:
        if key not in known and key != "type":
            hint = did_you_mean(key, [*known, "type"])
            raise ConfigError(f"{path}.{key}: unknown key; {hint}")
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
        if not entries:
            raise ConfigError("a space must hold at least one hparam, got none.")
        for name, entry in entries.items():
            if not isinstance(entry, Float | Integer | Categorical):
                raise ConfigError(f"{name}: must be Float, Integer or Categorical, got {entry!r}.")
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
        point = np.asarray(u, dtype=float)
        if point.shape != (len(self),):
            raise ConfigError(f"a point must have shape [{len(self)}], got {list(point.shape)}.")
        return {
            name: _named(name, entry.from_unit, float(x))
            for (name, entry), x in zip(self.items(), point, strict=True)
        }

    def encode(self, hparams: Hparams) -> np.ndarray:
        """A point [D] that decodes to the hparams; ConfigError for a missing or outlying value."""
        for name in self:
            if name not in hparams:
                raise ConfigError(f"{name}: must be given, it is missing.")
        for name in hparams:
            if name not in self:
                raise ConfigError(f"{name}: not in the space; {did_you_mean(name, self)}")
        return np.array([_named(name, self[name].to_unit, hparams[name]) for name in self])

    def sample(self, n: int, rng: np.random.Generator) -> list[dict[str, Value]]:
        """n points drawn uniformly from the unit cube."""
        return [self.decode(u) for u in rng.random((n, len(self)))]

    def grid(self) -> list[dict[str, Value]]:
        """Every combination of the grid points; the first name varies fastest."""
        columns = [entry.points() for entry in reversed(self._entries.values())]
        return [
            dict(zip(self.names, reversed(row), strict=True)) for row in itertools.product(*columns)
        ]

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain dicts, fit for YAML; `from_dict` gives an equal space back."""
        return {name: _entry_dict(entry) for name, entry in self.items()}

    @classmethod
    def from_dict(cls, tree: Any, path: str = "space") -> "Space":
        """Builds a space from `{name: {type: ..., low: ..., high: ...}}`; errors name the path."""
        if not isinstance(tree, Mapping) or not tree:
            raise ConfigError(f"{path}: must be a mapping of hparam name to entry, got {tree!r}.")
        return cls({str(name): entry_from_dict(x, f"{path}.{name}") for name, x in tree.items()})


def _named(name: str, function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _entry_dict(entry: Entry) -> dict[str, Any]:
    tree: dict[str, Any] = {"type": entry.kind}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if value is not None and (value is not False or field.name != "log"):
            tree[field.name] = list(value) if isinstance(value, tuple) else value
    return tree
