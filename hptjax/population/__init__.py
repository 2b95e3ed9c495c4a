"""The population engine: many different networks trained by one compiled call, each exactly as if
alone.
"""

from hptjax.population.evaluate import evaluate_population, evaluate_variables
from hptjax.population.pack import Member
from hptjax.population.plan import Plan, make_plan
from hptjax.population.trainer import PopulationState, PopulationTrainer

__all__ = [
    "Member",
    "Plan",
    "PopulationState",
    "PopulationTrainer",
    "evaluate_population",
    "evaluate_variables",
    "make_plan",
]
