"""The traced numbers of networks: what differs between the members of one compiled program.

The host reads them from configs, a program makes them of points of the unit cube; both pack them
here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.models.choices import Choices, stage_activations
from hptjax.models.signature import widths_of

AnyArray: TypeAlias = Any  # numpy arrays while packed on the host, JAX arrays in the program
Numbers: TypeAlias = dict[str, AnyArray]
"""Of one member: a number, or an array [layers] of the MLP's layers or [stages] of the maps.

Stages: the first convolution, then the blocks. `units` and `channels` are the true widths;
`activation` and `stage_activation` are places among a program's choices.
"""

Columns: TypeAlias = Mapping[str, AnyArray | Sequence[AnyArray]]

STAGED = ("channels", "stage_activation")  # arrays of stages; other lists are of the MLP's layers

_TYPES: dict[str, Any] = {"batch_norm": bool}
_TYPES |= dict.fromkeys(("activation", "units", *STAGED), np.int32)


def numbers_of(config: ModelConfig, choices: Choices) -> dict[str, Any]:
    """The numbers of one network, as Python's; choices: of the program that trains it."""
    mlp, widths = config.mlp_config, widths_of(config)
    return {
        **{name: getattr(config, name) for name in ("lr", "weight_decay", "beta_1", "beta_2")},
        "batch_norm": [layer.batch_norm for layer in mlp.block_list],
        "activation": [
            layer.activations.index(name)
            for layer, name in zip(choices.layers, mlp.computed_activations, strict=False)
        ],
        "dropout": [layer.dropout for layer in mlp.block_list],
        "units": list(widths.units),
        "channels": list(widths.channels),
        "stage_activation": [
            names.index(name)
            for names, name in zip(choices.stages, stage_activations(config), strict=False)
        ],
    }


def packed(columns: Columns, xp: Any = np) -> Numbers:
    """The arrays [P] or [P, layers] of columns [P], of layers a list of them.

    xp: numpy, or jax.numpy inside a program.
    """
    return {
        name: xp.asarray(xp.stack(column, 1) if isinstance(column, list) else column, _dtype(name))
        for name, column in columns.items()
    }


def _dtype(name: str) -> Any:
    return _TYPES.get(name, np.float32)
