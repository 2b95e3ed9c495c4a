"""Every kind of layer at typical shapes, from the tables: new rows are included automatically."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import flax.linen as nn
from jax import Array

import hptjax.nn
from hptjax.config.parts import ACTIVATIONS, LAYERS, NORMS
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Infeasible, Layer, Shape
from hptjax.models.layers.own import FlaxNetwork

MAPS = ((16, 28, 28), (32, 14, 14))
UNITS = (512, 1024)
IMAGES, MORE_IMAGES = 64, 256  # layers of units are timed with both
OPTIONS: dict[
    str, tuple[Any, ...]
] = {  # values beside the defaults; each layer is timed with those of its options
    "groups": (4,),
    "rate": (0.3,),
    "size": (2,),
    "activation": ("relu", "gelu"),
    "kernel_size": (1, 5, (1, 7), (5, 2)),
    "stride": (2,),
    "dilation": (2,),
    "dropout": (0.3,),
}
NEEDED = {"groups", "rate", "size"}  # an option without a default has the first of these
_OF_CHANNELS = {"mean", "std"}  # options with a number for each channel
PAIRS = {"max_pool": ({"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 1})}


class OurConv(nn.Module):
    """A user's network with `hptjax.nn.Conv`."""

    num_classes: int
    conv: Any = hptjax.nn.Conv

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = self.conv(x.shape[-1], (3, 3))(x)
        return nn.Dense(self.num_classes)(y.mean((1, 2)))


class LinenConv(OurConv):
    """The same network with `flax.linen.Conv`."""

    conv: Any = nn.Conv


@dataclass(frozen=True)
class Case:
    """A layer with the shape of its input; row: its word in a table."""

    row: str
    text: str
    layer: Layer
    incoming: Shape
    images: int

    @property
    def name(self) -> str:
        return f"{self.row} {self.text}".strip()

    @property
    def gflop(self) -> float:
        """Useful GFLOP of the forward pass; 0 for a layer without products."""
        each = self.layer.flops(self.incoming)
        if each is None:
            kinds = self.layer.weights(self.incoming).values()
            each = 2 * sum(weight.pixels * weight.size for weight in kinds)
        return 1e-9 * self.images * each


def cases(rows: Sequence[str] = ()) -> list[Case]:
    """The cases of these rows of the tables of layers and norms; by default of all rows."""
    wanted = rows or names()
    return [case for row in wanted for case in _of_row(row)]


def names() -> list[str]:
    """The names of the rows: layers, and norms that are not layers."""
    layers = {LAYERS.find(word, word) for word in LAYERS.names()}
    others = [word for word in NORMS.names() if NORMS.find(word, word) not in layers]
    return [*LAYERS.names(), *others]


def _of_row(row: str) -> Iterator[Case]:
    kind: type[Layer] = (LAYERS if row in LAYERS else NORMS).find(row, row)
    if kind.whole:
        for module in (OurConv, LinenConv):
            layer = FlaxNetwork.from_tree({"module": module}, row).bound({"outputs": 10})
            yield from (Case(row, module.__name__, layer, shape, IMAGES) for shape in MAPS)
        return
    for given in _variants(row, kind):
        text = " ".join(f"{name}={_text(value)}" for name, value in given.items())
        for shape, images in _shapes(kind):
            widths = dict.fromkeys(kind.widths, shape[0])
            own = {name: (0.5,) * shape[0] for name in _OF_CHANNELS & kind.model_fields.keys()}
            try:
                layer = kind(**{**widths, **own, **given})
                layer.check(shape)
            except (ConfigError, Infeasible):
                continue  # this layer's option of that name has other values
            yield Case(row, text, layer, shape, images)


def _variants(row: str, kind: type[Layer]) -> Iterator[dict[str, Any]]:
    """Variants: the defaults, and each single option at other values."""
    fields = {name: own for name, own in kind.model_fields.items() if name not in kind.widths}
    needed = {
        name: OPTIONS[name][0]
        for name, own in fields.items()
        if own.is_required() and name in NEEDED
    }
    for name in kind.choices:
        if fields[name].is_required():  # an activation by itself
            yield from ({**needed, name: word} for word in ACTIVATIONS.names())
            return
    yield needed
    for name, own in fields.items():
        for value in _values(name, own.annotation):
            if needed.get(name) != value and value != own.default:
                yield {**needed, name: value}
    yield from PAIRS.get(row, ())


def _values(name: str, annotation: Any) -> tuple[Any, ...]:
    if annotation is bool:
        return False, True
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return OPTIONS.get(name, ())


def _shapes(kind: type[Layer]) -> list[tuple[Shape, int]]:
    if kind.takes == "units":
        return [((units,), images) for units in UNITS for images in (IMAGES, MORE_IMAGES)]
    return [(shape, IMAGES) for shape in MAPS]


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
