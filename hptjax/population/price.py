"""What training a member costs: the FLOPs that are computed, and the time that they take."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import jax

from hptjax.models.costs import costs_of
from hptjax.models.layers.base import Weight
from hptjax.models.signature import NetShape
from hptjax.models.weights import weights
from hptjax.ops import native


@dataclass(frozen=True)
class Price:
    """How a platform's time follows from shapes; prices are per image, in the unit of one FLOP.

    live: whether the channels of a member alone are computed, and not those of its body. FLOPs that
    take as long as: per_number, what is done to one number of a body's maps; per_second, a second
    of the whole machine; per_step, what a step costs however many members take it side by side, the
    launches of its operations. body_seconds: of compiling one body, whatever it is: how many there
    are follows from it, and with them rounding. `compile_seconds` is for people.
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

    def compile_seconds(self, bodies: Iterable[NetShape]) -> float:
        """Of compiling a program of these bodies, within a factor of two as a rule."""
        seconds = COMPILE_SHARED + sum(_compile_seconds(body, kernels=self.live) for body in bodies)
        return seconds * self.body_seconds / KERNELS.body_seconds

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


# Fitted on two cores with AVX-512, to 40 %: seconds of compiling what all bodies share, a body,
# each convolution, each linear layer, and, where products for each tap stand in for a kernel, each
# pixel of a depthwise kernel of a user's own module.
COMPILE_SHARED, COMPILE_BODY = 1.5, 0.5
COMPILE_CONV, COMPILE_LINEAR, COMPILE_PIXEL = 0.45, 0.2, 0.1


def _compile_seconds(body: NetShape, *, kernels: bool) -> float:
    """Of one body on a CPU."""
    layers = (_layer_seconds(weight, kernels=kernels) for weight in weights(body).values())
    return COMPILE_BODY + sum(layers)


def _layer_seconds(weight: Weight, *, kernels: bool) -> float:
    """Of the layer of one array: a kernel [O, h, w, I] of ours, or [h, w, I, O] of Flax's."""
    shape = weight.shape
    if len(shape) == 2:
        return COMPILE_LINEAR if min(shape) > 1 else 0.0
    if len(shape) < 4 or (weight.fan_in is None and shape[3] == 1):  # a bias, or of a norm
        return 0.0
    depthwise = weight.fan_in is None and shape[2] == 1
    taps = depthwise and not kernels
    return COMPILE_PIXEL * shape[0] * shape[1] if taps else COMPILE_CONV


def price_for(platform: str | None = None, kind: str | None = None) -> Price:
    """Of the devices of a platform ("cpu", "gpu", "tpu") and a kind of it, default JAX's own."""
    if (platform or jax.default_backend()) != "cpu":
        return LANES
    return KERNELS if native.available() else LOOPS


def train_flops(body: NetShape) -> int:
    """Floating-point operations of a training step, per image."""
    return _costs(body).train_flops


_costs = lru_cache(maxsize=65536)(costs_of)
