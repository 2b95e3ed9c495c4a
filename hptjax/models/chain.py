"""The layers of a network in their order, whatever form its config has."""

from hptjax.config.frozen import remembered
from hptjax.config.model import AnyModel, Model
from hptjax.models.original import lowered
from hptjax.models.placed import Placed, named


@remembered
def chain_of(config: AnyModel) -> tuple[Placed, ...]:
    """The layers of a repaired config; ConfigError for one that repair would still change."""
    if isinstance(config, Model):
        return tuple(named(name, layer) for name, layer in config.expanded)
    return lowered(config)
