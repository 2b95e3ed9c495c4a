"""Trains many different networks in one compiled call, each exactly as if alone.

The names below are loaded at their first use: a table of optimizers does not need the engine.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.population.evaluate import evaluate_population as evaluate_population
    from hptjax.population.pack import Member as Member
    from hptjax.population.plan import Plan as Plan
    from hptjax.population.plan import make_plan as make_plan
    from hptjax.population.resident import Cost as Cost
    from hptjax.population.resident import Outcome as Outcome
    from hptjax.population.resident import Population as Population
    from hptjax.population.trainer import PopulationState as PopulationState
    from hptjax.population.trainer import PopulationTrainer as PopulationTrainer

_MODULES = {
    "Cost": "resident",
    "Member": "pack",
    "Outcome": "resident",
    "Plan": "plan",
    "Population": "resident",
    "PopulationState": "trainer",
    "PopulationTrainer": "trainer",
    "evaluate_population": "evaluate",
    "make_plan": "plan",
}
__all__ = [
    "Cost",
    "Member",
    "Outcome",
    "Plan",
    "Population",
    "PopulationState",
    "PopulationTrainer",
    "evaluate_population",
    "make_plan",
]

_HOMES = {name: f"hptjax.population.{home}" for name, home in _MODULES.items()}

__getattr__, __dir__ = lazily(__name__, _HOMES)
