"""The importances of hparams, by Optuna's evaluators, on a study made from a table."""

from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.trial import FrozenTrial, TrialState

from hptjax.errors import ConfigError, MissingExtraError
from hptjax.report.goals import goal_of
from hptjax.report.optuna_journal import quiet
from hptjax.report.runs import column, hparams_of
from hptjax.space import Space
from hptjax.strategies.optuna import distribution

Evaluator = Literal["ped-anova", "fanova", "mdi"]
STATES = {"trained": TrialState.COMPLETE, "stopped": TrialState.PRUNED}


def hparam_importances(
    table: pd.DataFrame,
    space: Space | None = None,
    *,
    evaluator: Evaluator = "ped-anova",
    with_stopped: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """The importance of each hparam for the values: group, hparam, importance, trials.

    The importances of a group add up to 1, the largest first; trials: how many trials they come
    from. These are the trained trials, as in Optuna. A schedule has already stopped the bad ones,
    so that their causes are not seen; with_stopped=True includes them, with their last values.
    evaluator: "ped-anova" (how well an hparam separates the best tenth from the rest), "fanova" or
    "mdi" (random forests from `seed`; they need scikit-learn). For an hparam that is inactive in
    some trials, PED-ANOVA uses the other trials; forests leave it out. space: as in
    `as_optuna_study`. A group of fewer than two trained trials has NaN. Raises ConfigError for
    another evaluator, MissingExtraError without scikit-learn.
    """
    judge = _evaluator(evaluator, seed)
    rows = []
    for group, trials in table.groupby("group", sort=False):
        study = as_optuna_study(trials, space, with_stopped=with_stopped)
        trained = [t for t in study.trials if t.state == TrialState.COMPLETE]
        parts = dict.fromkeys(hparams_of(trials), np.nan)
        if len(trained) > 1:
            parts = _importances(study, judge)
        rows += [(group, name, part, len(trained)) for name, part in parts.items()]
    return pd.DataFrame(rows, columns=["group", "hparam", "importance", "trials"])


def as_optuna_study(
    table: pd.DataFrame, space: Space | None = None, *, with_stopped: bool = False
) -> optuna.Study:
    """An Optuna study in memory with the trials of a runs_table, for Optuna's plots.

    Trained trials are complete, stopped ones pruned (or, with_stopped, complete with their last
    value), and trials without a value failed. Inactive hparams are no parameters of a trial. space:
    the searched space; without it, the distributions are as wide as the tried values.
    """
    names = [name for name in hparams_of(table) if column(table, name).notna().any()]
    tried = {name: column(table, name) for name in names}
    if space is not None:
        distributions = {name: distribution(space[name]) for name in names}
    else:
        distributions = {name: _distribution(values) for name, values in tried.items()}
    with quiet():
        study = optuna.create_study(direction=goal_of(table).direction)
    states = STATES | ({"stopped": TrialState.COMPLETE} if with_stopped else {})
    study.add_trials([_trial(row, distributions, states) for row in table.to_dict("records")])
    return study


def _importances(study: optuna.Study, judge: BaseImportanceEvaluator) -> dict[str, float]:
    with quiet():
        return optuna.importance.get_param_importances(study, evaluator=judge)


def _trial(
    row: dict[Any, Any],
    distributions: dict[str, BaseDistribution],
    states: dict[str, TrialState],
) -> FrozenTrial:
    state = states.get(row["status"], TrialState.FAIL)
    if np.isnan(row["value"]):
        state = TrialState.FAIL
    active = {name: kind for name, kind in distributions.items() if not pd.isna(row[name])}
    params = {name: _plain(row[name], kind) for name, kind in active.items()}
    return optuna.trial.create_trial(
        state=state,
        value=None if state == TrialState.FAIL else row["value"],
        params=params,
        distributions=active,
        user_attrs={"number": row["number"], "run": row["run"]},
    )


def _plain(value: Any, kind: BaseDistribution) -> Any:
    """A value for Optuna; a column of integers with NaNs holds floats, which become int here."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(kind, IntDistribution) else value


def _distribution(values: pd.Series) -> BaseDistribution:
    tried = values.dropna()
    plain = [value.item() if isinstance(value, np.generic) else value for value in tried.unique()]
    if all(type(value) is int for value in plain):
        return IntDistribution(min(plain), max(plain))
    if all(type(value) in (int, float) for value in plain):
        return FloatDistribution(min(plain), max(plain))
    return CategoricalDistribution(sorted(plain, key=str))


def _evaluator(name: Evaluator, seed: int) -> BaseImportanceEvaluator:
    if name == "ped-anova":
        return PedAnovaImportanceEvaluator()
    makers = {"fanova": FanovaImportanceEvaluator, "mdi": MeanDecreaseImpurityImportanceEvaluator}
    if name not in makers:
        raise ConfigError(f"evaluator: must be ped-anova, fanova or mdi, got {name!r}.")
    try:
        return makers[name](seed=seed)
    except ImportError:
        raise MissingExtraError(f"evaluator {name}", "scikit-learn", "importances") from None
