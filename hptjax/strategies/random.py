"""Random search: independent draws, uniform on the scale of each entry."""

from hptjax.config.frozen import Frozen
from hptjax.strategies.base import SearchContext, Searcher

several = True  # this searcher takes several objectives


class Options(Frozen):
    """Random search has no options."""


def make(context: SearchContext, options: Options) -> Searcher:
    import optuna  # on demand: options are checked without it

    from hptjax.strategies.optuna import searcher_of

    sampler = optuna.samplers.RandomSampler(seed=context.own_seed)
    return searcher_of(context, sampler, whole=True)
