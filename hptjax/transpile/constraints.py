"""Bounds on the costs of a network: a network that breaks one is not trained."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from hptjax.config.frozen import Frozen
from hptjax.config.model import AnyModel
from hptjax.errors import shown
from hptjax.models.costs import Costs, network_costs
from hptjax.records.goal import COSTS


def cost_of(costs: Costs, name: str) -> int:
    """Returns one of COSTS; `flops` counts a multiplication and an addition as two operations."""
    return costs.forward_flops if name == "flops" else costs.parameters


class Bounds(Frozen):
    """The bounds of a cost, both ends included.

    min: the smallest allowed cost; max: the largest; None: no bound.
    """

    min: Annotated[float, Field(ge=0)] | None = None
    max: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _some(self) -> "Bounds":
        if self.min is None and self.max is None:
            raise ValueError("a mapping of max, min or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("one whose min is at most its max")
        return self


def _bounds(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a mapping that says which bound it is, as {{max: {shown(value)}}}")
    return value


Bounded = Annotated[Bounds, BeforeValidator(_bounds)]


class Constraints(Frozen):
    """Bounds on costs of the exact network, before any padding; see COSTS.

    parameters: the number of weights. flops: those of the forward pass for one image; a
    multiplication and an addition count as two.
    """

    parameters: Bounded | None = None
    flops: Bounded | None = None

    def __bool__(self) -> bool:
        return any(True for _ in self._bounded())

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the name of each bound, always in the same order: `parameters.max` and so on."""
        return tuple(f"{cost}.{end}" for cost, end, _ in self._bounded())

    def _bounded(self) -> Iterator[tuple[str, str, float]]:
        for cost in COSTS:
            bounds: Bounds | None = getattr(self, cost)
            for end in ("max", "min"):
                limit = None if bounds is None else getattr(bounds, end)
                if limit is not None:
                    yield cost, end, limit

    def violations(self, config: AnyModel) -> tuple[float, ...]:
        """Returns the relative excess over each bound of a repaired network; at most 0 if kept."""
        if not self:
            return ()
        costs = network_costs(config)
        return tuple(
            _excess(cost_of(costs, cost), end, limit) for cost, end, limit in self._bounded()
        )

    def broken(self, config: AnyModel) -> str | None:
        """Returns the bounds that a repaired network breaks, in words; None if it keeps all."""
        costs = network_costs(config)
        told = [
            f"{cost_of(costs, cost):,} {COSTS[cost]}, at {'most' if end == 'max' else 'least'} "
            f"{limit:,.10g} are allowed"
            for cost, end, limit in self._bounded()
            if _excess(cost_of(costs, cost), end, limit) > 0
        ]
        return f"it has {' and '.join(told)}" if told else None


def _excess(value: float, end: str, limit: float) -> float:
    """Returns the excess relative to the limit, so that bounds of different sizes weigh alike."""
    over = value - limit if end == "max" else limit - value
    return over / max(limit, 1.0)
