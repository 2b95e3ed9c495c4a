"""The net shape of a compiled body: a network's layers, and the widths they are padded to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hptjax.config.frozen import remembered
from hptjax.config.model import AnyModel
from hptjax.config.recipe import Precision
from hptjax.models.chain import chain_of
from hptjax.models.layers.base import Shape
from hptjax.models.placed import Placed


@dataclass(frozen=True)
class Signature:
    """The static part of a config: equal signatures can share one compiled body.

    image: (height, width, channels). layers: their compiled part, see `Layer.static`. precision:
    how a training step keeps maps.
    """

    image: tuple[int, int, int]
    layers: tuple[Placed, ...]
    batch_size: int
    precision: Precision = "float32"
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Computed once: a signature is looked up more often than it is made."""
        if self._hash is None:
            own = hash(self._values)
            object.__setattr__(self, "_hash", own)
        return self._hash  # pyright: ignore[reportReturnType]

    def __reduce__(self) -> tuple[Any, ...]:
        """Leaves out the hash, which differs between processes."""
        return Signature, self._values

    @property
    def _values(self) -> tuple[Any, ...]:
        return self.image, self.layers, self.batch_size, self.precision

    @property
    def incoming(self) -> Shape:
        """The true shape of the images, channels first."""
        height, width, channels = self.image
        return channels, height, width


@dataclass(frozen=True, slots=True, order=True)
class Widths:
    """The widths of all layers, in the order of the layers and of their `widths`."""

    values: tuple[int, ...]

    def fits(self, other: "Widths") -> bool:
        """Tells whether a network of these widths can be padded to the other widths."""
        mine, theirs = self.values, other.values
        return len(mine) == len(theirs) and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class NetShape:
    """The shape of a network: a signature and widths.

    A program is compiled for some net shapes, its bodies; members are padded to their widths.
    """

    signature: Signature
    widths: Widths

    @property
    def layers(self) -> tuple[Placed, ...]:
        """Returns the layers with these widths."""
        return _filled(self)

    @property
    def outputs(self) -> int:
        """The number of outputs that the network returns for an image."""
        return out_shape(self.signature.incoming, self.layers)[0]

    @property
    def of_own_class(self) -> bool:
        """Whether the network is a class of the user's own."""
        return any(placed.layer.whole for placed in self.layers)


def walk(incoming: Shape, layers: Sequence[Placed]) -> Iterator[tuple[Placed, Shape]]:
    """Yields each layer with the true shape of its input; incoming: the shape of the images."""
    for placed in layers:
        yield placed, incoming
        incoming = placed.layer.out(incoming)


def out_shape(incoming: Shape, layers: Sequence[Placed]) -> Shape:
    """Returns the true output shape of these layers."""
    for placed in layers:
        incoming = placed.layer.out(incoming)
    return incoming


def width_names(signature: Signature) -> tuple[str, ...]:
    """Returns the names of the numbers in `Widths`: `conv0.out_channels`."""
    return tuple(f"{p.name}.{width}" for p in signature.layers for width in p.layer.widths)


def map_axes(signature: Signature) -> tuple[int, ...]:
    """Returns the indices of the widths of layers that return maps; all, if no layer does."""
    shapes = walk(signature.incoming, signature.layers)
    of_maps = [len(p.layer.out(s)) > 1 for p, s in shapes for _ in p.layer.widths]
    axes = [k for k, maps in enumerate(of_maps) if maps]
    return tuple(axes or range(len(of_maps)))


def signature_of(config: AnyModel) -> Signature:
    """Returns the signature of a repaired config; ConfigError if repair would still change it."""
    return net_shape(config).signature


def widths_of(config: AnyModel) -> Widths:
    """Returns the true widths of a config."""
    return net_shape(config).widths


@remembered
def net_shape(config: AnyModel) -> NetShape:
    """Returns the shape of a config's network, at its true widths."""
    layers = chain_of(config)
    static = tuple(Placed(p.name, p.layer.static(), p.stream) for p in layers)
    widths = tuple(getattr(p.layer, width) for p in layers for width in p.layer.widths)
    signature = Signature(config.image, static, config.batch_size, config.precision)
    return NetShape(_same(signature), Widths(widths))


@remembered
def _same(signature: Signature) -> Signature:
    """Returns one object for equal signatures, so that comparing them costs nothing."""
    return signature


@remembered
def _filled(body: NetShape) -> tuple[Placed, ...]:
    values = iter(body.widths.values)
    return tuple(
        Placed(p.name, p.layer.bound({width: next(values) for width in p.layer.widths}), p.stream)
        for p in body.signature.layers
    )
