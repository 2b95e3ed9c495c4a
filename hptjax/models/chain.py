"""The layers of a network in their order, whatever the form of its config."""

from hptjax.config.frozen import remembered
from hptjax.config.model import AnyModel, Model
from hptjax.models.original import lowered
from hptjax.models.placed import Placed, named


@remembered
def chain_of(config: AnyModel) -> tuple[Placed, ...]:
    """Returns the layers of a repaired config; ConfigError if repair would still change it."""
    if isinstance(config, Model):
        return tuple(named(name, layer) for name, layer in config.expanded)
    return lowered(config)
