"""Short chains of layers, computed without an engine: padded as a program does, and exact."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.config.traced import traced_numbers
from hptjax.models.layers.base import Chosen, Context, Layer, Shape
from hptjax.models.layers.norms import BATCH_NORM, NO_NORM
from hptjax.ops import native

BATCH, CLASSES, MORE = 8, 4, 3  # MORE: units or channels of padding
IMAGE = (3, 8, 8)
LR = 0.1
# small programs that run a few times: ten times as fast compiled
QUICKLY = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


class Run(NamedTuple):
    """What some steps leave: weights and statistics, and outputs and cotangents of each layer."""

    arrays: Mapping[str, np.ndarray]
    outputs: Sequence[np.ndarray]
    cotangents: Sequence[np.ndarray]


def padded(layer: Layer) -> Layer:
    """The layer as a program lays out its arrays; a head stays as it is."""
    names = () if getattr(layer, "out_features", None) == CLASSES else layer.widths
    return layer.bound({name: getattr(layer, name) + MORE for name in names})


def numbers_of(layer: Layer) -> dict[str, Any]:
    """What of a layer is traced."""
    names = (*layer.widths, *traced_numbers(layer), *layer.choices)
    return {n: 1 if n in layer.choices else getattr(layer, n) for n in names}


def bound(layer: Layer, numbers: Mapping[str, Any]) -> Layer:
    """The layer as a program has it; where it can, a choice is the second of two."""
    values: dict[str, Any] = dict(numbers)
    for name in layer.choices:
        own = getattr(layer, name)
        if own == BATCH_NORM:
            values[name] = Chosen((NO_NORM, own), numbers[name], own)
        elif name == "norm" or own == "relu":  # a norm does a relu that all members have
            values[name] = Chosen((own,), jnp.int32(0), own)
        else:
            values[name] = Chosen(("gelu", own), numbers[name], own)
    return layer.bound(values)


def walk(layers: Sequence[Layer], shape: Shape = IMAGE):
    """Each layer with the shape that comes in, and that which it gives."""
    for layer in layers:
        out = layer.out(shape)
        yield layer, shape, out
        shape = out


def kinds(layers: Sequence[Layer], what: str) -> dict[str, Any]:
    """The "weights" or "statistics" of a chain by place and name."""
    return {
        f"{i}.{name}": kind
        for i, (layer, shape, _) in enumerate(walk(layers))
        for name, kind in getattr(layer, what)(shape).items()
    }


def own_of(arrays: Mapping[str, Any], i: int) -> dict[str, Any]:
    """The arrays of the i-th layer by its own names."""
    return {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{i}.")}


def start(layers: Sequence[Layer], what: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random arrays at the true shapes, or those that are filled."""
    drawn = {}
    for name, kind in kinds(layers, what).items():
        bound = 0.2 if kind.fan_in is None else kind.fan_in**-0.5
        middle = kind.fill if kind.fan_in is None else 0.0
        drawn[name] = rng.uniform(middle - bound, middle + bound, kind.shape).astype(np.float32)
    return drawn


def grown(arrays: Mapping[str, np.ndarray], wide: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays at wider shapes, filled up with zeros."""
    out = {name: np.zeros(kind.shape, np.float32) for name, kind in wide.items()}
    for name, array in arrays.items():
        out[name][tuple(map(slice, array.shape))] = array
    return out


def train(layers: Sequence[Layer], wide: bool, kernels: bool, steps: int = 3) -> Run:
    """Some steps of plain gradient descent; wide: with padding behind every layer."""
    rng = np.random.default_rng(0)
    shapes = [padded(layer) for layer in layers] if wide else list(layers)
    params, stats = (
        grown(start(layers, what, rng), kinds(shapes, what)) for what in ("weights", "statistics")
    )
    x = rng.normal(size=(steps, *IMAGE, BATCH)) + rng.normal(size=(steps, 3, 1, 1, BATCH))
    x, labels = x.astype(np.float32), rng.integers(0, CLASSES, (steps, BATCH))
    numbers = [numbers_of(layer) for layer in layers]
    zeros = [np.zeros((*out, BATCH), np.float32) for *_, out in walk(shapes)]
    outputs, cotangents = [], []
    with nullcontext() if kernels else native.left_out():
        step = jax.jit(partial(_step, layers, zeros), compiler_options=QUICKLY)
        for i in range(steps):
            key = jax.random.fold_in(jax.random.key(1), i)
            params, stats, outputs, cotangents = step(params, stats, x[i], labels[i], numbers, key)
    return Run(*jax.device_get((params | stats, outputs, cotangents)))


def _step(layers, zeros, params, stats, x, labels, numbers, key):
    members = [bound(layer, h) for layer, h in zip(layers, numbers, strict=True)]

    def loss(params, taps):
        y, outputs, new = x, [], dict(stats)
        for i, (layer, shape, _) in enumerate(walk(members)):
            context = Context(shape, True, jax.random.fold_in(key, i), own_of(stats, i), not i)
            y = layer.forward(y, own_of(params, i), context) + taps[i]
            outputs.append(y)
            new |= {f"{i}.{name}": value for name, value in context.new_statistics.items()}
        picked = jnp.take_along_axis(jax.nn.log_softmax(y, 0), labels[None], 0)
        return -picked.mean(), (outputs, new)

    (grads, cotangents), (outputs, new) = jax.grad(loss, (0, 1), has_aux=True)(params, zeros)
    return {k: params[k] - LR * grads[k] for k in params}, new, outputs, cotangents
