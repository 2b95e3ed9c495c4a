"""The parts of the report that compare searches: costs, results and statistics."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from hptjax.report import page
from hptjax.report.runs import SERIES
from hptjax.report.sources import Source, Tables, View
from hptjax.report.statistics import kruskal_test, rank_tests, strategy_statistics

CHANCE = 0.05  # from this p value on, a difference may be chance
SECONDS = ("training (s)", "compiling (s)", "wall time without compiling (s)")
NAMES = {  # {column of `strategy_statistics`: heading}
    "group": "search",
    "n": "trials",
    "q1": "first quartile",
    "q3": "third quartile",
    "epochs": "epochs of single networks",
    "member_epochs": "epochs",
    "best_mean": "mean best",
    "best_low": "from",
    "best_high": "to",
}
SUMMARY = (
    *("search", "trials", "trained", "stopped", "failed"),
    *("best", "first quartile", "median", "third quartile", "mean", "epochs", *SECONDS),
    "stopped by",
)
GROUPS = (
    *("search", "runs", "trials", "mean best", "from", "to"),
    *("best", "first quartile", "median", "third quartile"),
)
TESTS = {  # {column of `rank_tests`: heading}; {what}: runs or networks
    "a": "A",
    "b": "B",
    "n_a": "{what} of A",
    "n_b": "{what} of B",
    "u": "Mann-Whitney U",
    "p": "p value",
    "p_holm": "p value (Holm)",
    "a12": "A better than B (probability)",
}
WORDS = ("search", "stopped by", "A", "B", "what it says")


def summary_table(tables: Tables, sources: Mapping[str, Source]) -> pd.DataFrame:
    """A row for each search: its trials, its values and its costs."""
    trials = tables.trials
    made = strategy_statistics(trials.assign(group=trials[SERIES]), resamples=1)
    searches: Any = trials.groupby(SERIES, sort=False)
    stops = []
    for _, rows in searches:
        source = sources[rows["run"].iloc[0]]
        unknown = "unfinished" if source.config else None  # a table without a run does not say
        stops.append(source.stops.get(rows["strategy"].iloc[0], unknown))
    made = made.rename(columns=NAMES)
    spent = _seconds(tables.ledger)
    made = made.join(spent, on="search") if len(spent) else made
    wall = SECONDS[-1]
    elapsed = pd.Series(searches["elapsed"].max().to_numpy(), made.index)
    made[wall] = made[wall].fillna(elapsed) if wall in made else elapsed
    made["stopped by"] = stops
    return made.reindex(columns=list(SUMMARY))


def _seconds(ledger: pd.DataFrame) -> pd.DataFrame:
    """The total times of each search, in the columns SECONDS; empty without a ledger.

    The first search compiles the programs for all: that is no search's own time.
    """
    if not len(ledger):
        return pd.DataFrame()
    sums: Any = ledger.groupby(SERIES, sort=False)[["train_s", "compile_s", "wall_s"]].sum()
    own = sums["wall_s"] - sums["compile_s"]
    return pd.DataFrame(
        dict(zip(SECONDS, (sums["train_s"], sums["compile_s"], own), strict=True)), sums.index
    )


def summary(view: View) -> str:
    goal = view.goal
    made: Any = summary_table(view.tables, view.sources)
    text = (
        f"best to mean are {goal} of the trials that were trained to the end. Wall time is without "
        "compiling, which the first search of a run does for all; a budget of seconds counts both."
    )
    if any(made["stopped"]):
        text += " For trials that their schedule stopped, only epochs and seconds count."
    return _table(made, fixed=("best",)) + page.note(text)


def statistics(view: View) -> str:
    """The results of runs with different seeds, and tests whether searches differ."""
    tables, parts = view.tables, []
    if tables.repeated:
        made = strategy_statistics(tables.trials).rename(columns=NAMES)
        text = (
            "mean best is the mean of the best values of the runs; from and to are its 95 % "
            f"bootstrap interval, which is too narrow for fewer than about five runs; {view.goal}."
        )
        parts += [
            page.heading("What runs of different seeds reached"),
            _table(made.reindex(columns=list(GROUPS)), fixed=("best",)),
            page.note(text),
        ]
    if len(set(tables.trials["group"])) > 1:
        if tables.repeated:
            parts += [page.heading("Best of each run, compared"), _tests(view, "run")]
        parts += [
            page.heading(f"{view.goal.name} of all trials, compared"),
            _tests(view, "trial"),
            page.note(
                "Trials of one search are not independent, for the search learns from them: this "
                "compares how values are distributed; compare runs to see which search is better."
            ),
        ]
    return "".join(parts)


def _tests(view: View, per: Literal["run", "trial"]) -> str:
    trials = view.tables.trials
    made = rank_tests(trials, per=per).dropna(subset="p")  # a single run is not a sample
    what = "runs" if per == "run" else "networks"
    said = [verdict(row) for row in made.to_dict("records")]
    names = {key: name.format(what=what) for key, name in TESTS.items()}
    shown = made.rename(columns=names).reindex(columns=list(names.values()))
    table = _table(shown.assign(**{"what it says": said}), wrapped=("what it says",))
    whole, text = kruskal_test(trials, per=per), ""
    if not math.isnan(whole.p):
        differ = "at least one differs" if whole.p < CHANCE else "none need differ"
        text = (
            f"Kruskal-Wallis test of all at once: H = {whole.statistic:.3g}, p = {whole.p:.3g}, "
            f"so {differ} in {view.goal.name} ({view.goal.better} is better)."
        )
    if not len(made):
        text = f"There are too few {what} for a test: each side needs two."
        return page.note(text)
    return table + page.note(text)


def verdict(row: Mapping[Any, Any]) -> str:
    """A sentence about a row of `rank_tests`."""
    a12, corrected = row["a12"], row["p_holm"]
    better, share = (row["a"], a12) if a12 >= 0.5 else (row["b"], 1 - a12)
    if corrected >= CHANCE:
        return f"no difference beyond chance (p {corrected:.2g})"
    return f"{better} is better in {share:.0%} of pairs, a {row['effect']} effect beyond chance"


def _table(frame: pd.DataFrame, **options: Any) -> str:
    return page.table([str(name) for name in frame], page.plain_rows(frame), text=WORDS, **options)
