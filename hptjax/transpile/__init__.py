"""From a strategy's hparams to a network that can be built: apply, repair, explain."""

from hptjax.config.geometry import ImageSpec
from hptjax.transpile.apply import apply_hparams, model_from_trial
from hptjax.transpile.envelope import envelope
from hptjax.transpile.repair import Candidate, Infeasible, RepairResult, candidate, notable, repair
from hptjax.transpile.table import TABLE, Rule, hparam_names

__all__ = [
    "TABLE",
    "Candidate",
    "ImageSpec",
    "Infeasible",
    "RepairResult",
    "Rule",
    "apply_hparams",
    "candidate",
    "envelope",
    "hparam_names",
    "model_from_trial",
    "notable",
    "repair",
]
