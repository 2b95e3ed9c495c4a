"""How `conv.cu` has maps, kernels and shapes: packed from NumPy's arrays and back."""

from dataclasses import dataclass

import numpy as np

IMAGES = 16  # of a block


@dataclass(frozen=True)
class ConvShape:
    """A 3 x 3 convolution with a border of one zero pixel.

    size: height and width; channels, outputs: true ones.
    """

    size: int
    stride: int
    channels: int
    outputs: int

    @property
    def out_size(self) -> int:
        return (self.size - 1) // self.stride + 1

    @property
    def eighths(self) -> int:
        """Channels in eighths, filled up to pairs."""
        return _up(self.channels, 16) // 8

    @property
    def tiles(self) -> int:
        return _up(self.outputs, 8) // 8

    @property
    def out_eighths(self) -> int:
        return _up(self.outputs, 16) // 8

    @property
    def row(self) -> np.ndarray:
        """As `struct Shape`, int32."""
        sizes = (self.size, self.size, self.stride, self.eighths, self.tiles)
        return np.array([*sizes, self.out_size, self.out_size], np.int32)

    @property
    def shared_bytes(self) -> int:
        """Of a block: maps, kernels, and a pixel of zeros."""
        maps = self.size**2 * self.eighths * IMAGES * 16
        return maps + 9 * self.eighths * self.tiles * 8 * 16 + 512

    def flops(self, images: int) -> int:
        """Of a forward pass at the true widths."""
        return 18 * images * self.out_size**2 * self.channels * self.outputs

    def padded_flops(self, images: int) -> int:
        """What the tensor cores do for it."""
        return 18 * images * self.out_size**2 * self.eighths * self.tiles * 64

    def map_numbers(self, images: int) -> int:
        """Numbers of the maps that come in, filled up."""
        return images * self.size**2 * self.eighths * 8

    def out_numbers(self, images: int) -> int:
        return images * self.out_size**2 * self.out_eighths * 8


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def pack_maps(x: np.ndarray, shape: ConvShape) -> np.ndarray:
    """[N, H, W, C] -> float16 [N / 16, H, W, eighths, 16, 8], zeros behind C; N in sixteens."""
    count, height, width, channels = x.shape
    wide = np.zeros((count, height, width, shape.eighths * 8), np.float16)
    wide[..., :channels] = x
    parts = wide.reshape(count // IMAGES, IMAGES, height, width, shape.eighths, 8)
    return np.ascontiguousarray(parts.transpose(0, 2, 3, 4, 1, 5))


def pack_kernels(w: np.ndarray, shape: ConvShape) -> np.ndarray:
    """[3, 3, C, O] -> float16 [9, eighths, tiles * 8, 8], zeros behind C and O."""
    wide = np.zeros((9, shape.eighths * 8, shape.tiles * 8), np.float16)
    wide[:, : shape.channels, : shape.outputs] = w.reshape(9, shape.channels, shape.outputs)
    parts = wide.reshape(9, shape.eighths, 8, shape.tiles * 8)
    return np.ascontiguousarray(parts.transpose(0, 1, 3, 2))


def unpack_maps(y: np.ndarray, shape: ConvShape) -> np.ndarray:
    """What the kernel gives, float16 [any shape] -> [N, H, W, O filled up]."""
    size = shape.out_size
    parts = y.reshape(-1, size, size, shape.out_eighths, IMAGES, 8).transpose(0, 4, 1, 2, 3, 5)
    return parts.reshape(-1, size, size, shape.out_eighths * 8)


def drawn(shape: ConvShape, images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Maps [N, H, W, C] and kernels [3, 3, C, O] of float16."""
    x = rng.normal(size=(images, shape.size, shape.size, shape.channels))
    w = rng.normal(size=(3, 3, shape.channels, shape.outputs)) / (9 * shape.channels) ** 0.5
    return x.astype(np.float16), w.astype(np.float16)
