"""How a kernel, or the window of a pool, moves over maps [C, H, W, B]."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

Pad: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[Pad, Pad]


class Moves(NamedTuple):
    """stride: pixels from one window to the next; pads: the padding of rows, and of columns.

    dilation: pixels from one tap of a window to the next.
    """

    stride: int
    pads: Pads
    dilation: int = 1

    def sizes(self, maps: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
        """Returns height and width of the result of a window [h, w] over maps [C, H, W, B]."""
        height, width = (
            (size + sum(pad) - self.dilation * (k - 1) - 1) // self.stride + 1
            for size, pad, k in zip(maps[1:3], self.pads, window, strict=True)
        )
        return height, width

    def options(self) -> dict[str, int]:
        """Returns the moves as the attributes of our kernels."""
        (top, bottom), (left, right) = self.pads
        ends = {"top": top, "bottom": bottom, "left": left, "right": right}
        return {"stride": self.stride, "dilation": self.dilation, **ends}
