"""The tables behind plots and comparisons, made from a `runs_table`: pandas in, pandas out.

The value of a trial that its schedule stopped is from fewer epochs than the others: it is not
comparable with them, and never the best. So the value does not count here, but the cost always
does. `with_stopped=True` counts the last value, as the original study's figures did.
"""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal
from hptjax.records.trial import COUNTED
from hptjax.report.goals import best_of, goal_of
from hptjax.report.runs import UNIT, column, hparams_of

Axis = Literal["evaluations", "member_epochs", "samples", "seconds"]
AXES: tuple[Axis, ...] = get_args(Axis)
RUN = ["group", "run", "strategy", "seed"]


def counted_values(table: pd.DataFrame, *, with_stopped: bool = False) -> pd.Series:
    """The values that count in statistics, for each row of the table; NaN for other trials.

    Only the first trial of a network counts.
    """
    values = column(table, "value")
    values = values.where(~_copies(table))
    return values if with_stopped else values.where(column(table, "status").isin(COUNTED))


def _copies(table: pd.DataFrame) -> np.ndarray:
    """Whether each row is a further trial of a network; False if the table does not say."""
    if "duplicate_of" not in table:
        return np.zeros(len(table), bool)
    numbers = [isinstance(cell, int | float) and cell == cell for cell in table["duplicate_of"]]
    return np.array(numbers, bool)


def trained_epochs(table: pd.DataFrame) -> pd.Series:
    """The epochs that each trial was trained; 0 if it took the results of another one."""
    return column(table, "epochs").mask(column(table, "member_epochs") == 0, 0)


def rank_table(table: pd.DataFrame) -> pd.DataFrame:
    """The trials best first, with `rank` from 1, as `records.trial.rank_trials` orders them.

    Further trials of a network come after all first trials with a value. Raises ConfigError if
    several metrics judge the trials, as all functions that compare trials do.
    """
    goal_of(table)
    trained = table["status"].isin(COUNTED)
    order = pd.DataFrame(
        {
            "class": np.select([table["told"].isna(), _copies(table), trained], [3, 2, 0], 1),
            "told": table["told"],
        }
    )
    ranked = table.loc[order.sort_values(["class", "told"], kind="stable").index]
    return ranked.reset_index(drop=True).assign(rank=np.arange(1, len(table) + 1))


def best_so_far(
    table: pd.DataFrame, axis: Axis = "evaluations", *, with_stopped: bool = False
) -> pd.DataFrame:
    """The best value of each run and strategy so far against its cost: RUN, `x`, `best`.

    axis: "evaluations" counts trials, including failed and stopped ones, with a row for each. The
    other axes are known at the end of a generation, whose trials are trained together:
    "member_epochs", "samples" (images trained on), "seconds" (wall time without compiling). `best`
    is NaN until a trial counts. Rows without a known cost are left out. Raises ConfigError for
    another axis.
    """
    if axis not in AXES:
        raise ConfigError(f"axis: must be one of {', '.join(AXES)}, got {axis!r}.")
    goal = goal_of(table)
    values = counted_values(table, with_stopped=with_stopped)
    ordered = table.assign(counted=values).sort_values([*RUN, "number"], kind="stable")
    by_run = ordered.groupby(RUN, sort=False)
    best = by_run["counted"].transform(lambda run: _running_best(run, goal))
    if axis == "evaluations":
        curve = ordered[RUN].assign(x=by_run.cumcount() + 1.0, best=best)
        return curve.reset_index(drop=True)
    spent = ordered["elapsed"] if axis == "seconds" else by_run[axis].cumsum()
    curve = ordered[[*RUN, "generation", "number"]].assign(x=spent, best=best)
    alone = curve["generation"].isna()  # trained alone: it counts as a generation
    curve["generation"] = curve["generation"].mask(alone, -1 - curve["number"])
    curve = curve.drop_duplicates([*RUN, "generation"], keep="last").dropna(subset="x")
    return curve.reindex(columns=[*RUN, "x", "best"]).reset_index(drop=True)


def _running_best(values: pd.Series, goal: Goal) -> pd.Series:
    return (values.cummin() if goal.sign > 0 else values.cummax()).ffill()


def best_band(curves: pd.DataFrame) -> pd.DataFrame:
    """The median and quartiles over the runs of each group: group, x, runs, low, median, high.

    curves: as `best_so_far` returns them. The best of a run stays until a better one comes, and
    after its end. The band begins where every run of the group has a value, and ends with the last
    run.
    """
    bands = []
    for group, rows in curves.groupby("group", sort=False):
        runs = [run for _, run in rows.groupby(["run", "seed"], sort=False)]
        points = np.unique(rows["x"])
        steps = np.stack([_step(run, points) for run in runs])
        found = ~np.isnan(steps).any(axis=0)
        low, median, high = np.quantile(steps[:, found], (0.25, 0.5, 0.75), axis=0)
        bands.append(
            pd.DataFrame(
                {
                    "group": group,
                    "x": points[found],
                    "runs": len(runs),
                    "low": low,
                    "median": median,
                    "high": high,
                }
            )
        )
    columns = ["group", "x", "runs", "low", "median", "high"]
    return pd.concat(bands, ignore_index=True) if bands else pd.DataFrame(columns=columns)


def _step(run: pd.DataFrame, points: np.ndarray) -> np.ndarray:
    """The last value at or before each point; NaN before the first."""
    place = np.searchsorted(run["x"].to_numpy(), points, side="right") - 1
    return np.where(place < 0, np.nan, run["best"].to_numpy()[place])


def generation_statistics(table: pd.DataFrame, *, with_stopped: bool = False) -> pd.DataFrame:
    """One row per generation: RUN, generation, its values, and the spread of its points.

    n, stopped, failed: the number of all trials, of stopped ones, and of those without a value.
    best, best_so_far, mean, median, sd (NaN for one value): of the values that count. `spread:lr`
    and so on: the standard deviation of an hparam's coordinate in the unit cube, over all trials of
    the generation (for DES, including the midpoint); NaN if coordinates are unknown. spread: the
    mean of these over the hparams. A uniform sample has a spread of 0.29. Trials without a
    generation are left out.
    """
    goal = goal_of(table)
    values = counted_values(table, with_stopped=with_stopped)
    frame = table.assign(counted=values).dropna(subset="generation")
    groups = frame.groupby([*RUN, "generation"], sort=False)
    counts = groups.agg(
        n=("status", "size"),
        stopped=("status", lambda s: int((s == "stopped").sum())),
        failed=("value", lambda v: int(v.isna().sum())),
        best=("counted", lambda values: best_of(values, goal)),
        mean=("counted", "mean"),
        median=("counted", "median"),
        sd=("counted", "std"),
    )
    names = [name for name in hparams_of(table) if f"{UNIT}{name}" in table]
    spread = groups[[f"{UNIT}{name}" for name in names]].std(ddof=0)
    spread.columns = [f"spread:{name}" for name in names]
    result = counts.join(spread.assign(spread=spread.mean(axis=1)))
    result = result.sort_index(kind="stable").reset_index()
    by_run = result.groupby(RUN, sort=False)["best"]
    so_far = by_run.transform(lambda best: _running_best(best, goal))
    result.insert(result.columns.get_loc("best") + 1, "best_so_far", so_far)  # type: ignore[arg-type]
    return result


def survivors(table: pd.DataFrame) -> pd.DataFrame:
    """How many trials of each generation were trained to each age: RUN, generation, epoch, trials.

    epoch counts from 0, which includes all trials, even those whose network could not be built.
    """
    rows = []
    places = [*RUN, "generation"]
    for _, generation in table.groupby(places, sort=False):
        place = [generation[name].iloc[0] for name in places]
        epochs = trained_epochs(generation).to_numpy()
        for age in range(int(epochs.max()) + 1):
            rows.append((*place, age, int((epochs >= age).sum())))
    return pd.DataFrame(rows, columns=[*places, "epoch", "trials"])
