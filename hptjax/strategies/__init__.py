"""Search strategies: DES, grid, random, TPE, and adapters for any evosax or Optuna algorithm."""

from hptjax.strategies.base import Proposal, SearchContext, Searcher
from hptjax.strategies.table import make_searcher

__all__ = ["Proposal", "SearchContext", "Searcher", "make_searcher"]
