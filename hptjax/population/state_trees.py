"""The state of a population as trees of arrays: by place, by leaf, in the layouts of bodies."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from hptjax.models.signature import NetShape
from hptjax.models.weights import laid_out, layouts


def by_leaf(trees: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Groups the leaves of the places' trees by name."""
    return list(zip(*map(jax.tree.leaves, trees), strict=True))


def by_place(leaves: Sequence[Sequence[Any]], like: Any) -> tuple[Any, ...]:
    """Returns one tree like `like` for each place: the inverse of `by_leaf`."""
    structure = jax.tree.structure(like)
    return tuple(jax.tree.unflatten(structure, own) for own in zip(*leaves, strict=True))


def names(arrays: Any) -> list[str]:
    """Returns the names of a tree's leaves, in their order."""
    paths = [path for path, _ in jax.tree.leaves_with_path(arrays)]
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]


def relaid(
    name: str, vectors: np.ndarray, old: Sequence[NetShape], new: Sequence[NetShape]
) -> np.ndarray:
    """Moves members' vectors [P, ...] of one part of the state to the layouts of other bodies."""
    which = int(name == "stats")  # the other parts hold a number for each weight
    before, after = ([layouts(body)[which] for body in bodies] for bodies in (old, new))
    out = np.zeros((len(vectors), max(layout.size for layout in after)), vectors.dtype)
    for row, vector, source, target in zip(out, vectors, before, after, strict=True):
        row[: target.size] = laid_out(vector, source, target)
    return out


def gathered(
    trees: Sequence[Any], rows: np.ndarray, old: Sequence[NetShape], new: Sequence[NetShape]
) -> dict[str, np.ndarray]:
    """Returns the members' rows {name: [P, ...]} of the places' trees, in layouts of new bodies."""
    out = {}
    for name, leaves in zip(names(trees[0]), by_leaf(trees), strict=True):
        values = np.concatenate(jax.device_get(leaves))[rows]
        out[name] = values if values.ndim == 1 else relaid(name, values, old, new)
    return out


def scattered(
    arrays: Mapping[str, np.ndarray],
    like: Any,
    rows: np.ndarray,
    count: int,
    old: Sequence[NetShape],
    new: Sequence[NetShape],
) -> list[np.ndarray]:
    """Inverts `gathered`: returns the leaves [count, ...] of a tree, zeros where no member is."""
    filled = []
    for name, leaf in zip(names(like), jax.tree.leaves(like), strict=True):
        whole = np.zeros((count, *leaf.shape[1:]), leaf.dtype)
        # The members' old program may have kept fewer slots.
        values = np.asarray(arrays.get(name, whole[rows] if "slots" in name else None))
        if values.ndim > 1:
            values = relaid(name, values, old, new)
            whole[rows, : values.shape[1]] = values
        else:
            whole[rows] = values
        filled.append(whole)
    return filled
