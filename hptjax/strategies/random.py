"""Random search: independent draws, uniform in each entry's own scale."""

import optuna

from hptjax.config.frozen import Frozen
from hptjax.strategies.base import SearchContext
from hptjax.strategies.optuna import OptunaSearcher, searcher_of

several = True  # it takes several objectives


class Options(Frozen):
    """Random search has no options."""


def make(context: SearchContext, options: Options) -> OptunaSearcher:
    sampler = optuna.samplers.RandomSampler(seed=context.own_seed)
    return searcher_of(context, sampler, whole=True)
