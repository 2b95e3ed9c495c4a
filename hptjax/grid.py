"""Grids of any size: each point of a space is computed from its index, none is stored.

Hparams that do not depend on each other are digits of the index. An hparam that others depend on is
a branch: below each of its values are only the points of the hparams active there.
"""

import itertools
import math
import operator
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, overload

from hptjax.conditions import Conditions
from hptjax.entries import Value

Columns: TypeAlias = Mapping[str, Sequence[Value] | None]  # values of an hparam; None: a real range
Names: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Digit:
    """An hparam that no other hparam depends on."""

    name: str
    values: Sequence[Value] | None

    @property
    def size(self) -> float:
        return math.inf if self.values is None else len(self.values)

    def write(self, row: int, point: dict[str, Value]) -> None:
        assert self.values is not None
        point[self.name] = self.values[row]


@dataclass(frozen=True)
class Branch:
    """An hparam that others depend on; ways: each of its values with the points below it."""

    name: str
    ways: tuple[tuple[Value, "Product"], ...]
    size: float = field(init=False, compare=False)
    _starts: tuple[float, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        sizes = [below.size for _, below in self.ways]
        finite = math.inf not in sizes
        starts = list(itertools.accumulate(map(int, sizes), initial=0)) if finite else [math.inf]
        object.__setattr__(self, "size", starts[-1])
        object.__setattr__(self, "_starts", tuple(starts[:-1]))

    def write(self, row: int, point: dict[str, Value]) -> None:
        way = bisect_right(self._starts, row) - 1
        point[self.name], below = self.ways[way]
        below.write(row - int(self._starts[way]), point)


@dataclass(frozen=True)
class Product:
    """Hparams that are independent of each other; the first one varies fastest."""

    parts: tuple[Digit | Branch, ...]
    size: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        sizes = [part.size for part in self.parts]
        size = math.inf if math.inf in sizes else math.prod(map(int, sizes))
        object.__setattr__(self, "size", size)

    def write(self, row: int, point: dict[str, Value]) -> None:
        """Writes the values of a row, in range(size), into the point."""
        for part in self.parts:
            row, own = divmod(row, int(part.size))
            part.write(own, point)


def tree_of(columns: Columns, conditions: Conditions) -> Product:
    """The tree of all points of these columns; no two points differ in inactive hparams only.

    columns: no hparam may depend on a real range.
    """
    return _Trees(columns).of(tuple(columns), conditions)


class _Trees:
    """Builds trees; equal hparams under equal conditions share one tree."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[tuple, Product] = {}

    def of(self, names: Names, conditions: Conditions) -> Product:
        """The tree of these names under their remaining conditions."""
        key = names, tuple(conditions.get(name, ()) for name in names)
        if key not in self._known:
            parts = (self._part(group, conditions) for group in _connected(names, conditions))
            self._known[key] = Product(tuple(parts))
        return self._known[key]

    def _part(self, names: Names, conditions: Conditions) -> Digit | Branch:
        parents = {c.parent for name in names for c in conditions.get(name, ())}
        if not parents:
            return Digit(names[0], self._columns[names[0]])
        root = next(name for name in names if name in parents and not conditions.get(name))
        values = self._columns[root]
        assert values is not None
        ways = ((value, self._below(root, value, names, conditions)) for value in values)
        return Branch(root, tuple(ways))

    def _below(self, root: str, value: Value, names: Names, conditions: Conditions) -> Product:
        """The tree of the hparams that are active where the root has this value."""
        gone, more = {root}, True
        while more:
            more = {
                name
                for name in names
                if name not in gone
                and any(
                    (c.parent == root and not c.holds(value)) or c.parent in gone - {root}
                    for c in conditions.get(name, ())
                )
            }
            gone |= more
        left = {
            name: tuple(c for c in conditions.get(name, ()) if c.parent != root)
            for name in names
            if name not in gone
        }
        return self.of(tuple(left), left)


def _connected(names: Names, conditions: Conditions) -> list[Names]:
    """The names in groups that do not depend on each other, ordered by their first names."""
    group = {name: name for name in names}

    def top(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for name in names:
        for condition in conditions.get(name, ()):
            group[top(name)] = top(condition.parent)
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(top(name), []).append(name)
    return [tuple(own) for own in found.values()]


class Grid(Sequence[dict[str, Value]]):
    """The points of a finite tree, each built when asked for, with its active hparams only.

    A slice is a Grid too. `size` is the exact number of points; `len()` is at most `sys.maxsize`,
    as Python demands.
    """

    __slots__ = ("_names", "_rows", "_tree")

    def __init__(self, names: Sequence[str], tree: Product, rows: range | None = None) -> None:
        """names: the order of the hparams in a point."""
        self._names, self._tree = tuple(names), tree
        self._rows = range(int(tree.size)) if rows is None else rows

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
        if isinstance(rows, range):
            return Grid(self._names, self._tree, rows)
        return self._point(rows)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return map(self._point, self._rows)

    def __reversed__(self) -> Iterator[dict[str, Value]]:
        return map(self._point, reversed(self._rows))

    def __eq__(self, other: object) -> bool:
        """Whether the other, a Grid or a list, has the same points in the same order."""
        if isinstance(other, Grid) and (self._names, self._tree) == (other._names, other._tree):
            return self._rows == other._rows
        if not isinstance(other, Grid | list):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"<Grid of {self.size} points over {', '.join(self._names)}>"

    def _point(self, row: int) -> dict[str, Value]:
        point: dict[str, Value] = {}
        self._tree.write(row, point)
        return {name: point[name] for name in self._names if name in point}
