"""The traced numbers of networks: what differs between the members of one compiled program.

The host reads them from configs, a program makes them of points of the unit cube; both pack them
here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from hptjax.config.hparams import option_array
from hptjax.config.named import Part
from hptjax.config.schema import ModelConfig
from hptjax.config.traced import traced_numbers
from hptjax.models.choices import Choices, kind_of, stage_activations
from hptjax.models.signature import widths_of

AnyArray: TypeAlias = Any  # numpy arrays while packed on the host, JAX arrays in the program
TracedNumbers: TypeAlias = dict[str, AnyArray]
"""Of one member: a number, or an array [layers] of the MLP's layers or [stages] of the maps.

Stages: the first convolution, then the blocks. `units` and `channels` are the true widths;
`activation` and `stage_activation` are places among a program's choices.
"""

Columns: TypeAlias = Mapping[str, AnyArray | Sequence[AnyArray]]

STAGED = ("channels", "stage_activation")  # arrays of stages; other lists are of the MLP's layers

_TYPES: dict[str, Any] = {"batch_norm": bool}
_TYPES |= dict.fromkeys(("activation", "units", *STAGED), np.int32)
_TYPES |= dict.fromkeys(("optimizer", "lr_schedule", "task", "augment"), np.int32)


def numbers_of(config: ModelConfig, choices: Choices) -> dict[str, Any]:
    """The numbers of one network, as Python's; choices: of the program that trains it."""
    mlp, widths = config.mlp_config, widths_of(config)
    return {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        **({"warmup": config.warmup} if choices.warmup else {}),
        **({"augment": choices.augment.index(config.augment)} if len(choices.augment) > 1 else {}),
        **_part_numbers("optimizer", config.optimizer, choices.optimizers),
        **_part_numbers("lr_schedule", config.lr_schedule, choices.lr_schedules),
        **({"task": choices.tasks.index(kind_of(config.task))} if len(choices.tasks) > 1 else {}),
        **{f"task.{n}": getattr(config.task.options, n) for n in choices.task_numbers},
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


def _part_numbers(key: str, own: Part, kinds: Sequence[Part]) -> dict[str, Any]:
    """Which of the kinds a part is, if there is a choice, and the numbers of all kinds."""
    out = {key: kinds.index(kind_of(own))} if len(kinds) > 1 else {}
    for kind in kinds:
        options = own.options if kind.name == own.name else kind.options
        for option in traced_numbers(kind.options):
            out[option_array(key, kind.name, option)] = getattr(options, option)
    return out


def part_numbers(key: str, kind: Part, numbers: TracedNumbers) -> dict[str, AnyArray]:
    """The traced numbers of one kind of part, by the names of its options."""
    return {
        option: numbers[option_array(key, kind.name, option)]
        for option in traced_numbers(kind.options)
    }


def packed(columns: Columns, xp: Any = np) -> TracedNumbers:
    """The arrays [P] or [P, layers] of columns [P], of layers a list of them.

    xp: numpy, or jax.numpy inside a program.
    """
    return {
        name: xp.asarray(xp.stack(column, 1) if isinstance(column, list) else column, _dtype(name))
        for name, column in columns.items()
    }


def _dtype(name: str) -> Any:
    return _TYPES.get(name, np.float32)
