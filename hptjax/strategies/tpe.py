"""TPE, the tree-structured Parzen estimator (Bergstra et al. 2011), with spread-out batches."""

from typing import Annotated

from pydantic import Field

from hptjax.config.frozen import Frozen, Positive
from hptjax.strategies.base import SearchContext, Searcher

several = True  # this searcher takes several objectives


class Options(Frozen):
    """Options of Optuna's TPESampler that a study is likely to set.

    n_startup_trials: how many trials are drawn at random before the model of the good ones is used.
    n_ei_candidates: how many points are drawn from that model for each proposal. multivariate:
    whether hparams are drawn jointly; with conditions, in groups that are active together (None:
    only with conditions).
    """

    n_startup_trials: Annotated[int, Field(ge=0)] = 10
    n_ei_candidates: Positive = 24
    multivariate: bool | None = None


def make(context: SearchContext, options: Options) -> Searcher:
    import optuna  # on demand: options are checked without it

    from hptjax.strategies.optuna import GroupTPE, quiet_optuna, searcher_of

    given, conditional = options.model_dump(), bool(context.space.conditions)
    given["multivariate"] = conditional if options.multivariate is None else options.multivariate
    given |= {"seed": context.own_seed, "constant_liar": True}
    with quiet_optuna():  # groups are experimental
        if conditional and given["multivariate"]:
            sampler = GroupTPE(group=True, **given)
        else:
            sampler = optuna.samplers.TPESampler(**given)
    return searcher_of(context, sampler)
