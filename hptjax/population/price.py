"""What training a member costs: the FLOPs that are computed, and their time."""

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
    """A platform's cost model: time from shapes. Prices are per image, in the time of one FLOP.

    live: whether only the channels of the member are computed, not all of its body. per_number:
    memory traffic of one number of a body's maps. per_step: launches of the operations of one step,
    however many members take it side by side. per_second: FLOPs of the whole machine in one
    second. body_seconds: time to compile any body; the number of bodies follows from it, and with
    it rounding. `compile_seconds` is for people.
    """

    live: bool
    per_number: float
    per_second: float
    body_seconds: float
    per_step: float = 0

    def __call__(self, body: NetShape, shape: NetShape) -> float:
        """Returns the price of a member of this exact shape in a body."""
        return self.of_body(body) + self.of_shape(shape)

    def of_body(self, body: NetShape) -> float:
        """Returns the part of the price that the body decides."""
        flops = 0 if self.live else train_flops(body)
        return flops + self.per_number * _costs(body).map_numbers

    def of_launches(self, body: NetShape) -> float:
        """Returns the price of launching a group of members; their number does not matter."""
        return self.per_step / body.signature.batch_size

    def of_shape(self, shape: NetShape) -> float:
        """Returns the part of the price that the member's exact shape decides."""
        return train_flops(shape) if self.live else 0

    def compile_seconds(self, bodies: Iterable[NetShape]) -> float:
        """Predicts the seconds to compile these bodies, usually within a factor of two."""
        own = sum(_compile_seconds(body, kernels=self.live) for body in bodies)
        return table().compiling.shared + own * self.body_seconds / KERNELS.body_seconds

    def flops(self, body: NetShape, shape: NetShape) -> int:
        """Returns the FLOPs per image computed for a member of this exact shape in a body."""
        return train_flops(shape if self.live else body)


def _price_of(row: DeviceRow) -> Price:
    own = row.price
    per_step = own.launch_seconds * own.per_second
    return Price(own.live, own.per_number, own.per_second, own.body_seconds, per_step)


def price_for(platform: str | None = None, kind: str | None = None) -> Price:
    """Returns the price of a kind of devices of a platform ("cpu", "gpu", "tpu"), default JAX's.

    It comes from `prices.yaml`. A user's calibration changes only predicted seconds, never a price.
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
    """Returns the seconds to compile one body on a CPU."""
    layers = (_layer_seconds(weight, kernels=kernels) for weight in weights(body).values())
    seconds = table().compiling.body + sum(layers)
    return seconds * table().compiling.own if body.of_own_class else seconds


def _layer_seconds(weight: Weight, *, kernels: bool) -> float:
    """Returns the seconds for the layer of one array: [O, h, w, I], or Flax's [h, w, I, O]."""
    shape, compiling = weight.shape, table().compiling
    if len(shape) == 2:
        return compiling.linear if min(shape) > 1 else 0.0
    if len(shape) < 4 or (weight.fan_in is None and shape[3] == 1):  # a bias, or a norm's vector
        return 0.0
    depthwise = weight.fan_in is None and shape[2] == 1
    taps = depthwise and not kernels
    return compiling.pixel * shape[0] * shape[1] if taps else compiling.conv


def train_flops(body: NetShape) -> int:
    """Returns the floating-point operations of a training step, per image."""
    return _costs(body).train_flops


_costs = lru_cache(maxsize=65536)(costs_of)
