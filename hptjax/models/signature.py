"""What shapes a compiled body: a network's static structure, and the widths it is padded to."""

from dataclasses import dataclass

from hptjax.config.geometry import conv_padding, conv_size, same_padding
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.ops.conv import Pad


@dataclass(frozen=True, slots=True)
class ConvShape:
    """The static part of a convolution."""

    kernel: int
    stride: int
    padding: Pad


@dataclass(frozen=True, slots=True)
class Signature:
    """The static part of a config: equal signatures can share one compiled body.

    image: (height, width, channels); first: the first convolution; blocks: the first convolution of
    each residual block; depth: layers of the MLP.
    """

    image: tuple[int, int, int]
    first: ConvShape
    blocks: tuple[ConvShape, ...]
    pool: int
    depth: int
    batch_size: int


@dataclass(frozen=True, slots=True, order=True)
class Widths:
    """Channels of each convolution stage (first convolution, then blocks), units of each layer."""

    channels: tuple[int, ...]
    units: tuple[int, ...]

    def fits(self, other: "Widths") -> bool:
        """Whether a net of these widths can be padded to the other's."""
        mine, theirs = (*self.channels, *self.units), (*other.channels, *other.units)
        return len(mine) == len(theirs) and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Body:
    """One network shape: a signature and widths; compiled, its members are padded to the widths."""

    signature: Signature
    widths: Widths


def signature_of(config: ModelConfig) -> Signature:
    """The signature of a repaired config; ConfigError for one that repair would still change."""
    net, mlp = config.resnet_config, config.mlp_config
    for block in net.block_list:
        if same_padding(block.kernel_size) != conv_padding(block):
            raise ConfigError(
                f"A residual block needs padding 'same', got {block.padding} with kernel"
                f" {block.kernel_size}: repair the config first (hptjax.transpile.repair)."
            )
    first, *blocks = (
        ConvShape(conv.kernel_size, conv.stride, conv_padding(conv))
        for conv in (net.first_conv, *net.block_list)
    )
    return Signature(
        image=(config.init_length, config.init_width, net.first_conv.in_channels),
        first=first,
        blocks=tuple(blocks),
        pool=net.pool_size,
        depth=len(mlp.block_list),
        batch_size=config.batch_size,
    )


def widths_of(config: ModelConfig) -> Widths:
    """The true widths of a config."""
    net = config.resnet_config
    return Widths(
        channels=(net.first_conv.out_channels, *(b.out_channels for b in net.block_list)),
        units=tuple(layer.out_size for layer in config.mlp_config.block_list),
    )


def exact_body(config: ModelConfig) -> Body:
    """The body of a config at its true widths."""
    return Body(signature_of(config), widths_of(config))


def map_sizes(signature: Signature) -> list[tuple[int, int]]:
    """Height and width of the maps: after the first convolution, each block, and pooling."""
    height, width, _ = signature.image
    sizes = []
    for conv in (signature.first, *signature.blocks):
        height, width = (
            conv_size(n, conv.kernel, conv.stride, conv.padding) for n in (height, width)
        )
        sizes.append((height, width))
    return [*sizes, (height // signature.pool, width // signature.pool)]
