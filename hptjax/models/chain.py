"""The layers of a network in their order, whatever form its config has."""

from typing import TypeAlias

from hptjax.config.frozen import remembered
from hptjax.config.schema import ModelConfig
from hptjax.models.original import lowered
from hptjax.models.placed import Placed

AnyConfig: TypeAlias = ModelConfig


@remembered
def chain_of(config: AnyConfig) -> tuple[Placed, ...]:
    """The layers of a repaired config; ConfigError for one that repair would still change."""
    return lowered(config)
