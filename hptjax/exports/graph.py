"""A trained network as a list of operations, in PyTorch's layout, for the writers of formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hptjax.models.layers.base import Shape

OIHW = "HWIO -> OIHW"
OUT_IN = "IN, OUT -> OUT, IN"


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array of a network in PyTorch's layout.

    path: of the Flax variable that it comes from. axes: how its axes were permuted; empty if not.
    """

    path: str
    value: np.ndarray
    axes: str = ""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation on images in PyTorch's layout, [N, C, H, W] or [N, F].

    into, of: the variables that it writes and reads, which may be assigned again. shape: (C, H, W)
    or (F,) of its output. name: of its module. tensors: its arrays, by the names that they have in
    PyTorch's module of this kind.
    """

    op: str
    into: str
    of: tuple[str, ...]
    shape: Shape
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


Graph = tuple[Node, ...]


def tensors_of(graph: Graph) -> dict[str, Tensor]:
    """Returns all arrays by their names in PyTorch's state_dict."""
    return {
        f"{node.name}.{role}": tensor for node in graph for role, tensor in node.tensors.items()
    }


def names_table(graph: Graph) -> list[dict[str, Any]]:
    """Returns for each array the path in Flax, PyTorch's name and shape, and the axes' order."""
    return [
        {"flax": tensor.path, "torch": name, "shape": list(tensor.value.shape), "axes": tensor.axes}
        for name, tensor in tensors_of(graph).items()
    ]
