"""The state of a population as trees of arrays: by place, by leaf, in other bodies' layouts."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from hptjax.models.signature import NetShape
from hptjax.models.weights import laid_out, layouts
from hptjax.population.epoch import MemberState


def by_leaf(trees: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The leaves of the places' trees, those of one name together."""
    return list(zip(*map(jax.tree.leaves, trees), strict=True))


def by_place(leaves: Sequence[Sequence[Any]], like: Any) -> tuple[Any, ...]:
    """The inverse of `by_leaf`: a tree like this one for each place."""
    structure = jax.tree.structure(like)
    return tuple(jax.tree.unflatten(structure, own) for own in zip(*leaves, strict=True))


def names(arrays: MemberState) -> list[str]:
    paths = [path for path, _ in jax.tree.leaves_with_path(arrays)]
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]


def relaid(
    name: str, vectors: np.ndarray, old: Sequence[NetShape], new: Sequence[NetShape]
) -> np.ndarray:
    """The members' vectors [P, ...] of one part of their state, in the layouts of other bodies."""
    which = int(name == "stats")  # the others hold a number for each weight
    before, after = ([layouts(body)[which] for body in bodies] for bodies in (old, new))
    out = np.zeros((len(vectors), max(layout.size for layout in after)), vectors.dtype)
    for row, vector, source, target in zip(out, vectors, before, after, strict=True):
        row[: target.size] = laid_out(vector, source, target)
    return out
