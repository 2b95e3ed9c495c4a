"""Search strategies: DES, grid, random, TPE, and adapters for any evosax or Optuna algorithm."""

from hptjax.strategies.base import Proposal, Strategy
from hptjax.strategies.registry import STRATEGIES, make_strategy, trial_key

__all__ = ["STRATEGIES", "Proposal", "Strategy", "make_strategy", "trial_key"]
