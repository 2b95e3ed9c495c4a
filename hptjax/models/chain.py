"""The layers of a network in their order, whatever form its config has."""

import zlib
from dataclasses import dataclass
from typing import TypeAlias

from hptjax.config.frozen import remembered
from hptjax.config.schema import ModelConfig
from hptjax.models.layers.base import Layer

AnyConfig: TypeAlias = ModelConfig


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer at its place in a network.

    name: of its weights, `conv0` or `hidden.1`; stream: of its random draws, other than those of
    any other layer of the network.
    """

    name: str
    layer: Layer
    stream: int


@remembered
def chain_of(config: AnyConfig) -> tuple[Placed, ...]:
    """The layers of a repaired config; ConfigError for one that repair would still change."""
    from hptjax.models.original import lowered

    return lowered(config)


def named(name: str, layer: Layer) -> Placed:
    """A layer whose draws follow from its name."""
    return Placed(name, layer, zlib.crc32(name.encode()))
