"""A layer at its place in a network."""

import zlib
from dataclasses import dataclass

from hptjax.models.layers.base import Layer


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer at its place in a network.

    name: of its weights, `conv0` or `hidden.1`; stream: of its random draws, other than those of
    any other layer of the network.
    """

    name: str
    layer: Layer
    stream: int


def named(name: str, layer: Layer) -> Placed:
    """A layer whose draws follow from its name."""
    return Placed(name, layer, zlib.crc32(name.encode()))
