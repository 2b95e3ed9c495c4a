"""What shapes a compiled body: a network's layers, and the widths that they are padded to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hptjax.config.frozen import remembered
from hptjax.config.model import AnyModel
from hptjax.models.chain import chain_of
from hptjax.models.layers.base import Shape
from hptjax.models.placed import Placed


@dataclass(frozen=True)
class Signature:
    """The static part of a config: equal signatures can share one compiled body.

    image: (height, width, channels); layers: what of them is compiled, see `Layer.static`.
    """

    image: tuple[int, int, int]
    layers: tuple[Placed, ...]
    batch_size: int
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Worked out once: a signature is looked up more often than it is made."""
        if self._hash is None:
            own = hash((self.image, self.layers, self.batch_size))
            object.__setattr__(self, "_hash", own)
        return self._hash  # pyright: ignore[reportReturnType]

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the hash, which is another in another process."""
        return Signature, (self.image, self.layers, self.batch_size)

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
        """Whether a net of these widths can be padded to the other's."""
        mine, theirs = self.values, other.values
        return len(mine) == len(theirs) and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class NetShape:
    """The shape of a network: a signature and widths.

    A program is compiled for some of them, its bodies, to whose widths members are padded.
    """

    signature: Signature
    widths: Widths

    @property
    def layers(self) -> tuple[Placed, ...]:
        """The layers with these widths."""
        return _filled(self)

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for an image."""
        return out_shape(self.signature.incoming, self.layers)[0]


def walk(incoming: Shape, layers: Sequence[Placed]) -> Iterator[tuple[Placed, Shape]]:
    """Each layer with the true shape of what comes in; incoming: that of the images."""
    for placed in layers:
        yield placed, incoming
        incoming = placed.layer.out(incoming)


def out_shape(incoming: Shape, layers: Sequence[Placed]) -> Shape:
    """The true shape that these layers give."""
    for placed in layers:
        incoming = placed.layer.out(incoming)
    return incoming


def width_names(signature: Signature) -> tuple[str, ...]:
    """The names of the numbers that `Widths` holds: `conv0.out_channels`."""
    return tuple(f"{p.name}.{width}" for p in signature.layers for width in p.layer.widths)


def map_axes(signature: Signature) -> tuple[int, ...]:
    """Which of the widths are of layers that give maps; all, where none does."""
    shapes = walk(signature.incoming, signature.layers)
    of_maps = [len(p.layer.out(s)) > 1 for p, s in shapes for _ in p.layer.widths]
    axes = [k for k, maps in enumerate(of_maps) if maps]
    return tuple(axes or range(len(of_maps)))


def signature_of(config: AnyModel) -> Signature:
    """The signature of a repaired config; ConfigError for one that repair would still change."""
    return net_shape(config).signature


def widths_of(config: AnyModel) -> Widths:
    """The true widths of a config."""
    return net_shape(config).widths


@remembered
def net_shape(config: AnyModel) -> NetShape:
    """The shape of a config's network, at its true widths."""
    layers = chain_of(config)
    static = tuple(Placed(p.name, p.layer.static(), p.stream) for p in layers)
    widths = tuple(getattr(p.layer, width) for p in layers for width in p.layer.widths)
    return NetShape(_same(Signature(config.image, static, config.batch_size)), Widths(widths))


@remembered
def _same(signature: Signature) -> Signature:
    """One object for equal signatures, which are then compared at no cost."""
    return signature


@remembered
def _filled(body: NetShape) -> tuple[Placed, ...]:
    values = iter(body.widths.values)
    return tuple(
        Placed(p.name, p.layer.bound({width: next(values) for width in p.layer.widths}), p.stream)
        for p in body.signature.layers
    )
