"""TPE: tree-structured Parzen estimator (Bergstra et al. 2011), proposals of a batch kept apart."""

from typing import Annotated

import optuna
from pydantic import Field

from hptjax.config.frozen import Frozen, Positive
from hptjax.strategies.base import SearchContext
from hptjax.strategies.optuna import OptunaSearcher


class Options(Frozen):
    """Those of Optuna's TPESampler that a study is likely to set."""

    n_startup_trials: Annotated[int, Field(ge=0)] = 10
    n_ei_candidates: Positive = 24
    multivariate: bool = False


def make(context: SearchContext, options: Options) -> OptunaSearcher:
    sampler = optuna.samplers.TPESampler(
        seed=context.own_seed, constant_liar=True, **options.model_dump()
    )
    return OptunaSearcher(context.space, sampler, context.first)
