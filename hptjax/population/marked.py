"""The second copy of members' weights, from the epoch at which each member was marked last."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from hptjax.models.numbers import AnyArray
from hptjax.population.epoch import MemberState

PREFIX = "marked."  # of the names of marked weights in a snapshot


@struct.dataclass
class MarkedWeights:
    """Weights [rows, N] and statistics [rows, S]; zeros in rows that were never marked."""

    params: AnyArray
    stats: AnyArray

    @classmethod
    def of(cls, state: MemberState) -> "MarkedWeights":
        return cls(state.params, state.stats)

    @classmethod
    def blank(cls, state: MemberState) -> "MarkedWeights":
        """Returns zeros for all members, NumPy arrays of the shapes of a place's state."""
        return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), cls.of(state))


@partial(jax.jit, donate_argnums=0)
def marked_anew(old: MarkedWeights, new: MarkedWeights, chosen: Array) -> MarkedWeights:
    """Returns the new rows where chosen [rows] is True, elsewhere the old rows, bit for bit."""
    return jax.tree.map(lambda a, b: jnp.where(chosen[:, None], b, a), old, new)


def marked_part(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the marked weights of a snapshot, under the names of `MarkedWeights`."""
    return {n.removeprefix(PREFIX): a for n, a in arrays.items() if n.startswith(PREFIX)}


def with_marks(
    arrays: Mapping[str, np.ndarray], members: Sequence[int]
) -> Mapping[str, np.ndarray]:
    """Returns a snapshot in which these members' present weights are marked."""
    if not len(members):
        return arrays
    out = dict(arrays)
    for name in ("params", "stats"):
        rows = np.array(arrays.get(PREFIX + name, np.zeros_like(arrays[name])))
        rows[list(members)] = arrays[name][list(members)]
        out[PREFIX + name] = rows
    return out
