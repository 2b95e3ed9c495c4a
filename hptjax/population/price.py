"""What training a member costs: the FLOPs that are computed, and the time that they take."""

from dataclasses import dataclass
from functools import lru_cache

import jax

from hptjax.models.costs import costs_of
from hptjax.models.signature import NetShape
from hptjax.ops import native


@dataclass(frozen=True)
class Price:
    """How a platform's time follows from shapes; prices are per image, in the unit of one FLOP.

    live: whether the channels of a member alone are computed, and not those of its body. FLOPs that
    take as long as: per_number, what is done to one number of a body's maps; per_second, a second
    of the whole machine; per_step, what a step costs however many members take it side by side, the
    launches of its operations. body_seconds: of compiling one body.
    """

    live: bool
    per_number: float
    per_second: float
    body_seconds: float
    per_step: float = 0

    def __call__(self, body: NetShape, shape: NetShape) -> float:
        """Of a member of this exact shape in a body."""
        return self.of_body(body) + self.of_shape(shape)

    def of_body(self, body: NetShape) -> float:
        """The part that the body decides."""
        flops = 0 if self.live else train_flops(body)
        return flops + self.per_number * _costs(body).map_numbers

    def of_launches(self, body: NetShape) -> float:
        """What a group of members side by side adds, however many they are."""
        return self.per_step / body.signature.batch_size

    def of_shape(self, shape: NetShape) -> float:
        """The part that the member's exact shape decides."""
        return train_flops(shape) if self.live else 0

    def flops(self, body: NetShape, shape: NetShape) -> int:
        """What is computed per image for a member of this exact shape in a body."""
        return train_flops(shape if self.live else body)


# Fitted on cores with AVX-512, strides 1 to 3, 8 to 24 channels, to 20 %; two cores are assumed.
KERNELS = Price(live=True, per_number=200, per_second=4.8e11, body_seconds=2.5)
LOOPS = Price(live=False, per_number=400, per_second=2e11, body_seconds=4.0)
# Fitted on an H100 (TF32 products, 1 to 128 members side by side, strides 1 to 3), to 8 %: a step's
# launches take .16 ms. Compiled on 16 cores. Of TPUs nothing is known.
LANES = Price(
    live=False, per_number=275, per_second=2.6e13, body_seconds=17.0, per_step=0.16e-3 * 2.6e13
)


def price_for(platform: str | None = None) -> Price:
    """Of the devices of a platform ("cpu", "gpu", "tpu"), default JAX's own."""
    if (platform or jax.default_backend()) != "cpu":
        return LANES
    return KERNELS if native.available() else LOOPS


def train_flops(body: NetShape) -> int:
    """Floating-point operations of a training step, per image."""
    return _costs(body).train_flops


_costs = lru_cache(maxsize=65536)(costs_of)
