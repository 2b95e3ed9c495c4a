"""Values of repeated layers: one for all copies, or a list that goes copy by copy.

A layer lies within some depths, the outermost first; a list that is nested n times goes over the
copies of the n innermost of them. Copies beyond its end have its last value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Copies:
    """Values for copies 0, 1, ...; the last value is that of all later copies, too."""

    values: tuple[Any, ...]


def copies_of(values: Sequence[Any]) -> Any:
    """Returns the shortest form of values given copy by copy."""
    kept = list(values)
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    return kept[0] if len(kept) == 1 else Copies(tuple(kept))


def nesting(value: Any) -> int:
    """Returns over how many depths a value is a list."""
    return 1 + max(map(nesting, value.values)) if isinstance(value, Copies) else 0


def pick(value: Any, index: Sequence[int]) -> Any:
    """Returns the value of one copy; index: its number within each depth, outermost first."""
    for k in index[len(index) - nesting(value) :]:
        if isinstance(value, Copies):
            value = value.values[min(k, len(value.values) - 1)]
    return value


def updated(value: Any, index: Sequence[int | None], change: Callable[[Any], Any]) -> Any:
    """Returns the value with that of some copies changed; None in an index means all copies."""
    if all(k is None for k in index):
        return _mapped(value, change)
    head, inner = index[0], index[1:]
    whole = isinstance(value, Copies) and nesting(value) == len(index)
    values = list(value.values) if whole else [value]
    if head is None:
        return copies_of([updated(own, inner, change) for own in values])
    # one more, for the copies that follow keep the last value
    values += [values[-1]] * (head + 2 - len(values))
    values[head] = updated(values[head], inner, change)
    return copies_of(values)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if not isinstance(value, Copies):
        return change(value)
    return copies_of([_mapped(own, change) for own in value.values])


def trimmed(value: Any, counts: Sequence[int]) -> Any:
    """Returns the value without items beyond the last copy; counts: copies of each depth."""
    if not isinstance(value, Copies):
        return value
    own = counts[len(counts) - nesting(value) :]
    kept = value.values[: max(own[0], 1)]
    return copies_of([trimmed(one, own[1:]) for one in kept])


def leaves(value: Any) -> Iterator[Any]:
    """Yields all values of the copies."""
    if not isinstance(value, Copies):
        yield value
        return
    for own in value.values:
        yield from leaves(own)


def to_tree(value: Any, levels: int, dump: Callable[[Any], Any]) -> Any:
    """Returns the value as it is written for a layer within so many depths.

    dump: of one value; one that is a list itself stands in as many lists as there are depths.
    """
    own = nesting(value)
    is_list = any(isinstance(dump(leaf), list | tuple) for leaf in leaves(value))

    def written(value: Any, left: int) -> Any:
        if isinstance(value, Copies):
            return [written(own, left - 1) for own in value.values]
        return _wrapped(dump(value), left if is_list else 0)

    return _wrapped(written(value, own), levels - own if is_list else 0)


def _wrapped(tree: Any, times: int) -> Any:
    for _ in range(times):
        tree = [tree]
    return tree
