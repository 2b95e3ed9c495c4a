"""Search strategies: DES, grid, random, TPE, and adapters for any evosax or Optuna algorithm."""

from hptjax.strategies.base import Proposal, SearchContext, Searcher, proposal_at
from hptjax.strategies.checked import CheckedSearcher
from hptjax.strategies.table import make_searcher

__all__ = [
    "CheckedSearcher",
    "Proposal",
    "SearchContext",
    "Searcher",
    "make_searcher",
    "proposal_at",
]
