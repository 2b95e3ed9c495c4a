"""A layer at its place in a network."""

import zlib
from dataclasses import dataclass

from hptjax.models.layers.base import Layer


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer at its place in a network.

    name: the prefix of its weights, `conv0` or `hidden.1`. stream: the number of its random
    streams, which no other layer of the network has.
    """

    name: str
    layer: Layer
    stream: int


def named(name: str, layer: Layer) -> Placed:
    """Returns a layer whose stream follows from its name."""
    return Placed(name, layer, zlib.crc32(name.encode()))
