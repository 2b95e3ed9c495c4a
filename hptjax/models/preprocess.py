"""The preprocessing of an image before a network: as data, and in words."""

from dataclasses import asdict, dataclass
from typing import Any

from hptjax.config.model import AnyModel
from hptjax.models.chain import chain_of
from hptjax.models.layers.normalize import Normalize

_RESIZE = (
    "scaled in proportion until it just covers the size, by a bilinear (triangle) filter that "
    "widens when shrinking, each axis rounded to whole grey levels; then the centre is cropped"
)


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes the input of a network.

    height, width: in pixels. channels: 1 grey; 3 red, green, blue. resize: the rule for an image
    of another size. divide_by: turns bytes into numbers from 0 to 1. mean, std: for each channel,
    of numbers from 0 to 1, if the network begins with `normalize`; the network applies them itself.
    """

    height: int
    width: int
    channels: int
    resize: str = _RESIZE
    divide_by: int = 255
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @classmethod
    def of(cls, config: AnyModel) -> "Preprocess":
        """Returns the preprocessing of a network, from its config."""
        first = chain_of(config)[0].layer
        if not isinstance(first, Normalize):
            return cls(*config.image)
        return cls(*config.image, mean=first.mean, std=first.std)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data, and the description in words."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {**plain, "words": str(self)}

    def __str__(self) -> str:
        kind = {1: "grey", 3: "RGB"}.get(self.channels, f"{self.channels} channels")
        text = (
            f"{self.height} x {self.width} pixels, {kind}. An image of another size is {_RESIZE}. "
            f"Bytes are divided by {self.divide_by}."
        )
        if self.mean is None:
            return text
        return (
            f"{text} The network itself then subtracts the mean and divides by the standard "
            "deviation of each channel."
        )
