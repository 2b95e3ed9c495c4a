"""Values of repeated layers: one value for all copies, or a list with a value for each copy.

A layer lies within some depths, the outermost first. A list that is nested n times has values for
the copies of the n innermost depths. Copies beyond its end have its last value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Copies:
    """Values for copies 0, 1, ...; all later copies have the last value, too.

    All values are nested alike.
    """

    values: tuple[Any, ...]


def copies_of(values: Sequence[Any], levels: int) -> Any:
    """Returns the shortest form of the values of the copies, for a layer with more depths inside.

    levels: how many depths lie inside; the values may be lists over them. Only the outermost depths
    may be left out, for the nesting of a list says which depths it goes over.
    """
    kept = [_shortest(value) for value in values]
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    if len(kept) == 1:
        return kept[0]
    return Copies(tuple(_nested(value, levels) for value in kept))


def _shortest(value: Any) -> Any:
    while isinstance(value, Copies) and len(value.values) == 1:
        [value] = value.values
    return value


def _nested(value: Any, levels: int) -> Any:
    for _ in range(levels - nesting(value)):
        value = Copies((value,))
    return value


def nesting(value: Any) -> int:
    """Returns over how many depths a value is a list."""
    return 1 + nesting(value.values[0]) if isinstance(value, Copies) else 0


def pick(value: Any, index: Sequence[int]) -> Any:
    """Returns the value of one copy; index: its number within each depth, outermost first."""
    for k in index[len(index) - nesting(value) :]:
        value = value.values[min(k, len(value.values) - 1)]
    return value


def updated(value: Any, index: Sequence[int | None], change: Callable[[Any], Any]) -> Any:
    """Returns the value, changed for some copies; None in an index means all copies."""
    if not index:
        return change(value)
    head, inner = index[0], index[1:]
    values = list(value.values) if nesting(value) == len(index) else [value]
    if head is None:
        return copies_of([updated(own, inner, change) for own in values], len(inner))
    # one value more, for the copies behind this one keep the last value
    values += [values[-1]] * (head + 2 - len(values))
    values[head] = updated(values[head], inner, change)
    return copies_of(values, len(inner))


def trimmed(value: Any, counts: Sequence[int]) -> Any:
    """Returns the value without items beyond the last copy; counts: copies of each depth."""
    if not isinstance(value, Copies):
        return value
    own = counts[len(counts) - nesting(value) :]
    kept = value.values[: max(own[0], 1)]
    return copies_of([trimmed(one, own[1:]) for one in kept], len(own) - 1)


def leaves(value: Any) -> Iterator[Any]:
    """Yields all values of the copies."""
    if not isinstance(value, Copies):
        yield value
        return
    for own in value.values:
        yield from leaves(own)


def to_tree(value: Any, levels: int, dump: Callable[[Any], Any]) -> Any:
    """Returns the value as it is written for a layer within `levels` depths.

    dump: writes one value. A value that is a list itself is put into as many lists as there are
    depths.
    """
    is_list = any(isinstance(dump(leaf), list | tuple) for leaf in leaves(value))

    def written(value: Any) -> Any:
        if isinstance(value, Copies):
            return [written(own) for own in value.values]
        return dump(value)

    tree = written(value)
    for _ in range(levels - nesting(value) if is_list else 0):
        tree = [tree]
    return tree
