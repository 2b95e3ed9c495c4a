"""Maps Optuna's distributions to the unit cube, by the codec of `hptjax.space`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hptjax.errors import ConfigError
from hptjax.space import Entry, Float, Integer, from_unit, to_unit


class Codec:
    """Maps points of the unit cube to Optuna's parameter values and back.

    Integers, float steps and choices have equal shares of their coordinate, both ends included.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.distributions = dict(distributions)
        self.entries = {name: _entry(name, d) for name, d in self.distributions.items()}

    def decode(self, point: Any) -> dict[str, Any]:
        """Returns the parameter values at a point [D]."""
        return {
            name: _value(self.distributions[name], from_unit(entry, float(u)))
            for (name, entry), u in zip(self.entries.items(), point, strict=True)
        }

    def encode(self, params: Mapping[str, Any], otherwise: Any) -> np.ndarray:
        """Returns the point [D] of parameter values.

        Coordinates of missing or foreign values stay as in `otherwise` [D], and so do those that
        already decode to the value.
        """
        point, decoded = np.array(otherwise, float), self.decode(otherwise)
        for k, (name, entry) in enumerate(self.entries.items()):
            distribution = self.distributions[name]
            if name not in params or params[name] == decoded[name]:
                continue
            if distribution._contains(distribution.to_internal_repr(params[name])):
                point[k] = to_unit(entry, _raw(distribution, params[name]))
        return point


def _entry(name: str, distribution: BaseDistribution) -> Entry:
    if isinstance(distribution, IntDistribution):
        return Integer(distribution.low, distribution.high, distribution.step, distribution.log)
    if isinstance(distribution, CategoricalDistribution):
        return Integer(0, len(distribution.choices) - 1)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return Integer(0, round((distribution.high - distribution.low) / distribution.step))
    if isinstance(distribution, FloatDistribution):
        return Float(distribution.low, distribution.high, distribution.log)
    raise ConfigError(f"{name}: DESSampler cannot sample from {type(distribution).__name__}.")


def _value(distribution: BaseDistribution, raw: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[raw]
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return min(distribution.low + raw * distribution.step, distribution.high)
    return raw


def _raw(distribution: BaseDistribution, value: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return round((value - distribution.low) / distribution.step)
    return value
