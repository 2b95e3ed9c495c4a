"""Many different networks trained by one compiled call, each exactly as if alone."""

from hptjax.population.evaluate import evaluate_population
from hptjax.population.pack import Member
from hptjax.population.plan import Plan, make_plan
from hptjax.population.resident import Cost, Outcome, Population
from hptjax.population.trainer import PopulationState, PopulationTrainer

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
