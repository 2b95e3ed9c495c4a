"""Search spaces: the only module that maps hparams to the unit cube and back.

All searchers use the same entries. A coordinate u outside [0, 1] is clipped; NaN raises
ConfigError.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.checks import is_integer, is_text, plain
from hptjax.conditions import (
    Condition,
    Conditions,
    checked_conditions,
    inactive_text,
    parents_first,
    unmet,
)
from hptjax.entries import Categorical, Entry, Float, Integer, Value, count_of, values_of
from hptjax.entry_form import entry_from_dict, entry_to_dict
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.glossary import Hparams
from hptjax.grid import Grid, Product, tree_of

__all__ = [
    "Categorical",
    "Condition",
    "Entry",
    "Float",
    "Grid",
    "Integer",
    "Space",
    "Value",
    "from_unit",
    "to_unit",
]


def from_unit(entry: Entry, u: float) -> Value:
    """The value at u in [0, 1] (clipped); ConfigError for NaN."""
    return entry.from_unit(u)


def to_unit(entry: Entry, value: Any) -> float:
    """A coordinate in [0, 1] that decodes to the value; ConfigError for a value out of bounds."""
    return entry.to_unit(value)


class Space(Mapping[str, Entry]):
    """Ordered mapping from hparam name to entry; immutable and hashable.

    entries: {name: entry}, also in the form that `uniform`, `integer` and `choice` return. The
    order of the names is the order of the D coordinates of the unit cube. conditions: for each
    name, the conditions of that hparam. If one of them does not hold, the hparam is inactive and
    has no effect. Points that differ in inactive hparams only count as one.

    Example:
        >>> import hptjax
        >>> space = hptjax.Space({"lr": hptjax.loguniform(1e-4, 1e-2)})
        >>> {name: round(value, 6) for name, value in space.decode([0.5]).items()}
        {'lr': 0.001}
    """

    __slots__ = ("_conditions", "_entries", "_order")

    def __init__(
        self,
        entries: Mapping[str, Entry | Mapping[str, Any]],
        conditions: Conditions | None = None,
    ) -> None:
        if not isinstance(entries, Mapping) or not entries:
            raise ConfigError(f"a space must hold at least one hparam, got {shown(entries)}.")
        self._entries: dict[str, Entry] = {}
        for name, entry in entries.items():
            if not is_text(name) or not name:
                raise ConfigError(f"the name of an hparam must be text, got {shown(name)}.")
            if isinstance(entry, Mapping):  # as `uniform`, `integer` and `choice` give it
                entry = entry_from_dict(entry, shown_key(name))
            if not isinstance(entry, Float | Integer | Categorical):
                raise ConfigError(
                    f"{shown_key(name)}: must be Float, Integer or Categorical, got {shown(entry)}."
                )
            self._entries[name] = entry
        self._conditions = checked_conditions(self._entries, conditions or {})
        self._order = parents_first(self._entries, self._conditions)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        same = tuple(self.items()) == tuple(other.items())
        return same and self._conditions == other._conditions

    def __hash__(self) -> int:
        return hash((tuple(self.items()), tuple(self._conditions.items())))

    def __repr__(self) -> str:
        conditions = f", {self._conditions!r}" if self._conditions else ""
        return f"Space({self._entries!r}{conditions})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    @property
    def conditions(self) -> Conditions:
        """{name: its conditions}, for each hparam that has any."""
        return dict(self._conditions)

    @property
    def parents_first(self) -> tuple[str, ...]:
        """The names in an order in which parents come before the hparams that depend on them."""
        return self._order

    def is_active(self, name: str, hparams: Hparams) -> bool:
        """Whether an hparam is active beside these active ones; a missing parent is inactive.

        Raises ConfigError if a parent has a value that its entry cannot have.
        """
        return unmet(name, self._conditions, hparams, self._entries) is None

    def active(self, hparams: Hparams) -> dict[str, Value]:
        """The given hparams that are active, in the order of the space.

        An hparam whose parent is missing is inactive. Raises ConfigError as `is_active` does.
        """
        if not self._conditions:
            return {name: hparams[name] for name in self if name in hparams}
        found: dict[str, Value] = {}
        for name in self._order:
            if name in hparams and self.is_active(name, found):
                found[name] = hparams[name]
        return {name: found[name] for name in self if name in found}

    def completed(self, hparams: Hparams, *, drop: bool = False) -> dict[str, Value]:
        """The hparams, with each missing active one added: mid-scale, or its first choice.

        drop: leaves out inactive hparams, which raise ConfigError otherwise. A name that is not in
        the space always raises it.
        """
        self._check_names(hparams)
        found: dict[str, Value] = {}
        for name in self._order:
            condition = unmet(name, self._conditions, found, self._entries)
            if condition is None:
                found[name] = hparams[name] if name in hparams else _default(self[name])
            elif name in hparams and not drop:
                raise ConfigError(inactive_text(name, condition, found))
        return {name: found[name] for name in self if name in found}

    def decode(self, u: Any) -> dict[str, Value]:
        """All hparams at a point of the unit cube, including those that are inactive there.

        u: [D], clipped to [0, 1]; ConfigError for NaN.
        """
        point = _coordinates(u, len(self))
        return {
            name: _named(name, entry.from_unit, x)
            for (name, entry), x in zip(self.items(), point, strict=True)
        }

    def encode(self, hparams: Hparams) -> np.ndarray:
        """A point [D] that decodes to the hparams; ConfigError for a missing or out-of-range value.

        Inactive hparams may be missing: their coordinates are then 0.5.
        """
        if not isinstance(hparams, Mapping):
            raise ConfigError(f"hparams must be a mapping of name to value, got {shown(hparams)}.")
        active = self.active(hparams)
        for name in self:
            if name not in hparams and self.is_active(name, active):
                raise ConfigError(f"{shown_key(name)}: must be given, it is missing.")
        self._check_names(hparams)
        return np.array(
            [
                _named(name, self[name].to_unit, hparams[name]) if name in hparams else 0.5
                for name in self
            ]
        )

    def _check_names(self, hparams: Hparams) -> None:
        for name in hparams:
            if name not in self:
                text = shown_key(name)
                raise ConfigError(f"{text}: not in the space; {did_you_mean(text, self)}")

    def sample(self, n: int, rng: np.random.Generator) -> list[dict[str, Value]]:
        """The active hparams of n points drawn uniformly from the unit cube; n >= 0."""
        if not is_integer(plain(n)) or n < 0:
            raise ConfigError(f"n must be an integer >= 0, got {shown(n)}.")
        return [self.active(self.decode(u)) for u in rng.random((n, len(self)))]

    def grid(self) -> Grid:
        """Every combination of the grid points, built lazily; the first name varies fastest.

        A point holds only its active hparams; no two points are equal.
        """
        columns = {name: entry.points() for name, entry in self.items()}
        return Grid(self.names, tree_of(columns, self._conditions))

    def grid_size(self) -> int:
        """The exact number of points of the grid."""
        return self.grid().size

    def size(self, fixed: Hparams | None = None) -> float:
        """How many points the space has, inf with a real range.

        Points that differ in inactive hparams only count as one. fixed: values of the hparams that
        do not vary.
        """
        return self._tree(fixed or {}).size

    def points(self) -> Grid:
        """All points of a space without real ranges."""
        return Grid(self.names, self._tree({}))

    def _tree(self, fixed: Hparams) -> Product:
        free = {name: _all_values(entry) for name, entry in self.items()}
        return tree_of(
            {name: (fixed[name],) if name in fixed else own for name, own in free.items()},
            self._conditions,
        )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain dicts, fit for YAML; `from_dict` gives an equal space back."""
        return {name: entry_to_dict(entry) for name, entry in self.items()}

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


def _coordinates(u: Any, count: int) -> list[Any]:
    """The coordinates of a point; checks only their number, and copies few of too many."""
    values = u if isinstance(u, Sequence) else np.asarray(u).tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise ConfigError(f"a point must be a list of numbers, got {shown(u)}.")
    point = list(itertools.islice(values, count + 1))
    if len(point) != count:
        got = "more" if len(point) > count else f"[{len(point)}]"
        raise ConfigError(f"a point must have shape [{count}], got {got}.")
    return point


def _all_values(entry: Entry) -> Sequence[Value] | None:
    """All values of an entry; None for a real range."""
    return values_of(entry) if count_of(entry) < float("inf") else None


def _default(entry: Entry) -> Value:
    return entry.choices[0] if isinstance(entry, Categorical) else entry.from_unit(0.5)


def _named(name: str, function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except ConfigError as error:
        raise ConfigError(f"{shown_key(name)}: {error}") from None
