"""From a searcher's hparams to a network that can be built: apply, repair, explain."""

from hptjax.config.hparams import TABLE, hparam_names
from hptjax.transpile.apply import apply_hparams, model_from_trial, with_hparams
from hptjax.transpile.problem import Problem
from hptjax.transpile.repair import Candidate, Infeasible, RepairResult, build, repair

__all__ = [
    "TABLE",
    "Candidate",
    "Infeasible",
    "Problem",
    "RepairResult",
    "apply_hparams",
    "build",
    "hparam_names",
    "model_from_trial",
    "repair",
    "with_hparams",
]
