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
from hptjax.population.prices import DeviceRow, table


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
        own = sum(_compile_seconds(body, kernels=self.live) for body in bodies)
        return table().compiling.shared + own * self.body_seconds / KERNELS.body_seconds

    def flops(self, body: NetShape, shape: NetShape) -> int:
        """What is computed per image for a member of this exact shape in a body."""
        return train_flops(shape if self.live else body)


def _price_of(row: DeviceRow) -> Price:
    own = row.price
    per_step = own.launch_seconds * own.per_second
    return Price(own.live, own.per_number, own.per_second, own.body_seconds, per_step)


def price_for(platform: str | None = None, kind: str | None = None) -> Price:
    """Of a kind of devices of a platform ("cpu", "gpu", "tpu"), default JAX's own.

    What was fitted is in `prices.yaml`. A user's calibration is of seconds alone, and never here.
    """
    platform = platform or jax.default_backend()
    if kind is None and platform == jax.default_backend():
        kind = jax.local_devices()[0].device_kind
    if platform == "cpu":
        return KERNELS if native.available() else LOOPS
    return _price_of(table().row(platform, kind))


KERNELS, LOOPS = (_price_of(table().row("cpu", kernels=kernels)) for kernels in (True, False))
LANES = _price_of(table().row("gpu"))


def _compile_seconds(body: NetShape, *, kernels: bool) -> float:
    """Of one body on a CPU."""
    layers = (_layer_seconds(weight, kernels=kernels) for weight in weights(body).values())
    seconds = table().compiling.body + sum(layers)
    own = any(placed.layer.whole for placed in body.layers)
    return seconds * table().compiling.own if own else seconds


def _layer_seconds(weight: Weight, *, kernels: bool) -> float:
    """Of the layer of one array: a kernel [O, h, w, I] of ours, or [h, w, I, O] of Flax's."""
    shape, compiling = weight.shape, table().compiling
    if len(shape) == 2:
        return compiling.linear if min(shape) > 1 else 0.0
    if len(shape) < 4 or (weight.fan_in is None and shape[3] == 1):  # a bias, or of a norm
        return 0.0
    depthwise = weight.fan_in is None and shape[2] == 1
    taps = depthwise and not kernels
    return compiling.pixel * shape[0] * shape[1] if taps else compiling.conv


def train_flops(body: NetShape) -> int:
    """Floating-point operations of a training step, per image."""
    return _costs(body).train_flops


_costs = lru_cache(maxsize=65536)(costs_of)
