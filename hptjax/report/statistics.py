"""Compares strategies: their values, and tests whether these differ by more than chance.

Trials of one run are not independent (a searcher learns from them). So strategies are compared by
the best of each run, one number for each seed, by default. `per="trial"` compares the values of all
trials, which says how a strategy's trials are distributed, not how good it is. For how stopped
trials are treated, see `hptjax.report.numbers`. Failed trials have no value: they are counted, and
rank behind all others in the tests.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal
from hptjax.report.goals import best_of, goal_of
from hptjax.report.numbers import counted_values, trained_epochs
from hptjax.report.runs import column

Per = Literal["run", "trial"]
MAGNITUDES = ((0.71, "large"), (0.64, "medium"), (0.56, "small"))  # Vargha & Delaney 2000


def strategy_statistics(
    table: pd.DataFrame,
    *,
    with_stopped: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per group: its runs, its trials, the distribution of its values, and its costs.

    runs: how many runs of different seeds. n, trained, stopped, failed: how many trials, by status
    (failed: without a value). counted: how many values count for best, q1, median, q3, mean and sd.
    best_mean: the mean over the runs of their best values. best_low, best_high: the bootstrap
    percentile interval of that mean at `level`, from `resamples` draws of the runs by `seed`; NaN
    for one run, and too narrow for fewer than about five. epochs, member_epochs, samples, seconds:
    sums over the runs, NaN if unknown.
    """
    goal = goal_of(table)
    values = counted_values(table, with_stopped=with_stopped)
    spent = table.assign(counted=values, epochs=trained_epochs(table))
    rows = []
    for group, trials in spent.groupby("group", sort=False):
        best = best_of_runs(trials, goal)
        low, high = bootstrap_interval(
            best[~np.isnan(best)], level=level, resamples=resamples, seed=seed
        )
        rows.append(
            {
                "group": group,
                "runs": len(best),
                **_counts(trials),
                **_distribution(column(trials, "counted").dropna(), goal),
                "best_mean": np.nanmean(best) if np.isfinite(best).any() else np.nan,
                "best_low": low,
                "best_high": high,
                **{
                    cost: column(trials, cost).sum(skipna=False)
                    for cost in ("epochs", "member_epochs", "samples", "seconds")
                },
            }
        )
    return pd.DataFrame(rows)


def _counts(trials: pd.DataFrame) -> dict[str, int]:
    valued = column(trials, "value").notna().to_numpy()
    status = trials["status"].to_numpy()
    return {
        "n": len(trials),
        "trained": int(np.sum((status == "trained") & valued)),
        "stopped": int(np.sum((status == "stopped") & valued)),
        "failed": int(np.sum(~valued)),
    }


def _distribution(values: pd.Series, goal: Goal) -> dict[str, float]:
    numbers = values.to_numpy(float)
    q1, median, q3 = np.quantile(numbers, [0.25, 0.5, 0.75]) if len(numbers) else (np.nan,) * 3
    return {
        "counted": len(values),
        "best": best_of(values, goal),
        "q1": q1,
        "median": median,
        "q3": q3,
        "mean": numbers.mean() if len(numbers) else np.nan,
        "sd": numbers.std(ddof=1) if len(numbers) > 1 else np.nan,
    }


def bootstrap_interval(
    values: np.ndarray, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap percentile interval of the mean of values [n]; NaN for fewer than two."""
    if len(values) < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    means = rng.choice(values, (resamples, len(values))).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class KruskalTest:
    """A Kruskal-Wallis test of whether any group differs; p is NaN if no test is possible."""

    statistic: float
    p: float
    sizes: dict[str, int]


def kruskal_test(
    table: pd.DataFrame, *, per: Per = "run", with_stopped: bool = False
) -> KruskalTest:
    """Tests all groups at once; the arguments are those of `rank_tests`."""
    samples = _samples(table, per, with_stopped)
    sizes = {group: len(values) for group, values in samples.items()}
    everything = np.concatenate([*samples.values(), []])
    if len(samples) < 2 or min(sizes.values()) < 2 or len(np.unique(everything)) < 2:
        return KruskalTest(np.nan, np.nan, sizes)
    statistic, p = stats.kruskal(*samples.values())
    return KruskalTest(float(statistic), float(p), sizes)


def rank_tests(
    table: pd.DataFrame, *, per: Per = "run", with_stopped: bool = False
) -> pd.DataFrame:
    """One row per pair of groups: two-sided Mann-Whitney test, Holm's correction, effect size.

    per: compares the best of each "run", or the values of each "trial". n_a, n_b: the sample sizes.
    u: the statistic of a, low if a is better. p, p_holm: the p value, and the one corrected for all
    pairs of the table; NaN if a side has fewer than two values. a12: the probability that a is
    better than b, where ties count half (Vargha & Delaney 2000). effect: its size in a word:
    negligible, small, medium, large. With three runs on each side, p cannot be below 0.1. Raises
    ConfigError for another `per`.
    """
    samples = _samples(table, per, with_stopped)
    rows = []
    for a, b in combinations(samples, 2):
        x, y = samples[a], samples[b]
        u, p = np.nan, np.nan
        if min(len(x), len(y)) > 1:
            test = stats.mannwhitneyu(x, y, alternative="two-sided")
            u, p = float(test.statistic), float(test.pvalue)
        a12 = vargha_delaney(x, y)
        rows.append((a, b, len(x), len(y), u, p, a12, magnitude(a12)))
    columns = ["a", "b", "n_a", "n_b", "u", "p", "a12", "effect"]
    tests = pd.DataFrame(rows, columns=columns)
    tests.insert(6, "p_holm", holm(tests["p"].to_numpy(float)))
    return tests


def _samples(table: pd.DataFrame, per: Per, with_stopped: bool) -> dict[str, np.ndarray]:
    """{group: values}; lower is better (maximised values are negated), infinity means failed.

    Stopped trials are left out unless they count.
    """
    if per not in ("run", "trial"):
        raise ConfigError(f"per: must be run or trial, got {per!r}.")
    values = goal_of(table).sign * counted_values(table, with_stopped=with_stopped)
    failed = column(table, "value").isna()
    kept = table.assign(counted=values.mask(failed, np.inf)).dropna(subset="counted")
    groups = kept.groupby("group", sort=False)
    if per == "run":
        return {str(group): best_of_runs(rows, Goal()) for group, rows in groups}
    return {str(group): rows["counted"].to_numpy() for group, rows in groups}


def best_of_runs(trials: pd.DataFrame, goal: Goal) -> np.ndarray:
    """The best `counted` of each run; NaN if none counts."""
    runs = trials.groupby(["run", "seed"], sort=False)
    return np.array([best_of(column(rows, "counted"), goal) for _, rows in runs], float)


def vargha_delaney(x: np.ndarray, y: np.ndarray) -> float:
    """A12: the probability that a value of x [n] is lower than one of y [m]; ties count half."""
    if not len(x) or not len(y):
        return np.nan
    ranks = stats.rankdata(np.concatenate([x, y]))
    u = ranks[: len(x)].sum() - len(x) * (len(x) + 1) / 2
    return float(1 - u / (len(x) * len(y)))


def magnitude(a12: float) -> str:
    """Vargha and Delaney's word for an effect of this size, in either direction."""
    size = max(a12, 1 - a12)
    if np.isnan(size):
        return ""
    return next((name for bound, name in MAGNITUDES if size >= bound), "negligible")


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of p-values [n]; NaN, which means no test, stays."""
    corrected = np.full(len(p), np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected
