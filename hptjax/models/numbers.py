"""The traced numbers of networks: they differ between the members of one compiled program.

The host reads them from configs, a program computes them from points of the unit cube; both pack
them here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from hptjax.config.hparams import option_array
from hptjax.config.model import AnyModel
from hptjax.config.named import Part
from hptjax.config.traced import traced_numbers
from hptjax.models.chain import chain_of
from hptjax.models.choices import Choices, kind_of
from hptjax.models.layers.base import Chosen
from hptjax.models.placed import Placed
from hptjax.models.signature import NetShape, Signature

AnyArray: TypeAlias = Any  # numpy arrays while packed on the host, JAX arrays in the program
TracedNumbers: TypeAlias = dict[str, AnyArray]
"""The numbers of one member by name, `lr` or `hidden.0.dropout`.

Widths are the true ones. The number of a part, or of a field in `Layer.choices`, is its index
among the program's choices.
"""

_PLACES = ("optimizer", "lr_schedule", "task", "augment")  # parts numbered by a program's choices


def numbers_of(config: AnyModel, choices: Choices) -> dict[str, Any]:
    """Returns the numbers of one network, as Python's; choices: of the program that trains it."""
    return {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        **({"warmup": config.warmup} if choices.warmup else {}),
        **({"augment": choices.augment.index(config.augment)} if len(choices.augment) > 1 else {}),
        **_part_numbers("optimizer", config.optimizer, choices.optimizers),
        **_part_numbers("lr_schedule", config.lr_schedule, choices.lr_schedules),
        **({"task": choices.tasks.index(kind_of(config.task))} if len(choices.tasks) > 1 else {}),
        **{f"task.{n}": getattr(config.task.options, n) for n in choices.task_numbers},
        **_layer_numbers(config, choices),
    }


def _layer_numbers(config: AnyModel, choices: Choices) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for placed in chain_of(config):
        name, layer = placed.name, placed.layer
        out |= {f"{name}.{width}": getattr(layer, width) for width in layer.widths}
        out |= {f"{name}.{number}": value for number, value in layer.numbers().items()}
        for field in layer.choices:
            path = f"{name}.{field}"
            out[path] = choices.of(path).index(getattr(layer, field))
    return out


def bound_layers(
    signature: Signature, choices: Choices, numbers: TracedNumbers
) -> tuple[Placed, ...]:
    """Returns the layers of a body for one member: their fields are bound to its traced numbers."""
    out = []
    for name, layer, stream in ((p.name, p.layer, p.stream) for p in signature.layers):
        fields: dict[str, Any] = {
            field: numbers[f"{name}.{field}"] for field in (*layer.widths, *layer.numbers())
        }
        for field in layer.may_miss:
            if f"{name}.{field}" not in choices.present:
                fields[field] = None
        for field in layer.choices:
            path, own = f"{name}.{field}", getattr(layer, field)
            fields[field] = Chosen(choices.of(path), numbers[path], own)
        out.append(Placed(name, layer.bound(fields), stream))
    return tuple(out)


def number_types(bodies: Iterable[NetShape]) -> dict[str, Any]:
    """Returns the type of each number of the layers of these bodies, by name."""
    types: dict[str, Any] = {}
    for signature in dict.fromkeys(body.signature for body in bodies):
        for placed in signature.layers:
            layer = placed.layer
            types |= {f"{placed.name}.{own}": np.int32 for own in (*layer.widths, *layer.choices)}
            types |= {f"{placed.name}.{own}": np.float32 for own in layer.numbers()}
    return types


def _part_numbers(key: str, own: Part, kinds: Sequence[Part]) -> dict[str, Any]:
    """Returns the index of a part's kind, if there are several, and the numbers of all kinds."""
    out = {key: kinds.index(kind_of(own))} if len(kinds) > 1 else {}
    for kind in kinds:
        options = own.options if kind.name == own.name else kind.options
        for option in traced_numbers(kind.options):
            out[option_array(key, kind.name, option)] = getattr(options, option)
    return out


def part_numbers(key: str, kind: Part, numbers: TracedNumbers) -> dict[str, AnyArray]:
    """Returns the traced numbers of one kind of part, by the names of its options."""
    return {
        option: numbers[option_array(key, kind.name, option)]
        for option in traced_numbers(kind.options)
    }


def packed(
    columns: Mapping[str, AnyArray], types: Mapping[str, Any], xp: Any = np
) -> TracedNumbers:
    """Packs columns [P] by name into arrays [P]; types: those of the layers' numbers.

    xp: numpy, or jax.numpy inside a program.
    """
    return {
        name: xp.asarray(column, types.get(name, np.int32 if name in _PLACES else np.float32))
        for name, column in columns.items()
    }
