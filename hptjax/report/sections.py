"""The parts of the report: each makes HTML of the tables of all runs."""

import math
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal

import pandas as pd

from hptjax.config.yaml_file import dump_yaml
from hptjax.report import interactive, page
from hptjax.report.console import other_metric
from hptjax.report.figures import Picture, known_importances
from hptjax.report.numbers import counted_values, rank_table
from hptjax.report.plots.groups import AXIS_LABELS
from hptjax.report.plots.style import COLOURS, colours_of, lines_of
from hptjax.report.runs import SERIES, column, metrics_in
from hptjax.report.sources import Source, Tables, View, families
from hptjax.report.statistics import kruskal_test, rank_tests, strategy_statistics

LAST = ("status", "reason", "changes")
WORDS = (
    *(SERIES, "group", "strategy", "run", "status", "reason", "changes", "stopped by"),
    *("strategies", "a", "b", "effect", "hyperparameter"),
)
AXIS = 105  # pixels that an axis of the parallel coordinates needs
NAMES = {  # of the columns of `strategy_statistics`
    "n": "trials",
    "epochs": "epochs of single networks",
    "member_epochs": "epochs",
    "best_mean": "mean best",
    "best_low": "from",
    "best_high": "to",
}
SUMMARY = (
    *(SERIES, "trials", "trained", "stopped", "failed", "best", "q1", "median", "q3", "mean"),
    *("epochs", "train s", "compile s", "wall s", "stopped by"),
)
GROUPS = ("group", "runs", "trials", "mean best", "from", "to", "best", "q1", "median", "q3")


def looks(trials: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The colour of each series, its group's, and the line, by which the group's runs differ.

    The ninth group has the first one's colour again, and another line.
    """
    searches = trials.drop_duplicates(SERIES)
    colours = colours_of(searches["group"])
    found = {}
    for k, (group, rows) in enumerate(searches.groupby("group", sort=False)):
        again = k // len(COLOURS)
        lines = list(lines_of(map(str, range(again + len(rows)))).values())[again:]
        found |= {
            series: (colours[str(group)], line)
            for series, line in zip(rows[SERIES], lines, strict=True)
        }
    return found


def each(views: Sequence[View], make: Callable[[View], str]) -> str:
    """A part of the page for each metric: trials of different metrics are not compared."""
    if len(views) == 1:
        return make(views[0])
    made = [(str(view.goal), make(view)) for view in views]
    return "".join(page.heading(title) + content for title, content in made if content)


def lead(views: Sequence[View]) -> str:
    """A sentence on the best trial by each metric, and when the page was made."""
    texts = [_best(view) for view in views]
    if len(views) > 1:
        names = ", ".join(view.goal.name for view in views)
        texts.append(
            f"The runs were judged by different metrics ({names}): each has its own part below, "
            "and they are not ranked against each other."
        )
    return page.note(" ".join([*texts, f"Made on {datetime.now():%Y-%m-%d %H:%M}."]))


def _best(view: View) -> str:
    trials, goal = view.tables.trials, view.goal
    if not counted_values(trials).count():
        return f"{len(trials)} trials, none of which has a {goal.name}."
    best: Any = rank_table(trials).iloc[0]
    return (
        f"{len(trials)} trials. The best {goal.name} is {best['value']:.4f}, by {best[SERIES]}, "
        f"trial {best['number']}; {goal.better} is better."
    )


def summary_table(tables: Tables, sources: Mapping[str, Source]) -> pd.DataFrame:
    """A row for each series: how many trials, how good, at what cost."""
    trials = tables.trials
    made = strategy_statistics(trials.assign(group=trials[SERIES]), resamples=1)
    searches: Any = trials.groupby(SERIES, sort=False)
    stops = []
    for _, rows in searches:
        source = sources[rows["run"].iloc[0]]
        unknown = "unfinished" if source.config else None  # a table alone does not say
        stops.append(source.stops.get(rows["strategy"].iloc[0], unknown))
    made = made.rename(columns={**NAMES, "group": SERIES})
    spent = _seconds(tables.ledger)
    made = made.join(spent, on=SERIES) if len(spent) else made
    elapsed = pd.Series(searches["elapsed"].max().to_numpy(), made.index)
    made["wall s"] = made["wall s"].fillna(elapsed) if "wall s" in made else elapsed
    made["stopped by"] = stops
    return made.reindex(columns=list(SUMMARY))


def _seconds(ledger: pd.DataFrame) -> pd.DataFrame:
    """What each series took in all, by the names of SUMMARY; of tables without a ledger nothing."""
    if not len(ledger):
        return pd.DataFrame()
    names = {"train_s": "train s", "compile_s": "compile s", "wall_s": "wall s"}
    sums: Any = ledger.groupby(SERIES, sort=False)[list(names)].sum()
    return sums.rename(columns=names)


def summary(view: View) -> str:
    made: Any = summary_table(view.tables, view.sources)
    text = (
        f"best to mean are the {view.goal.name} of the trials that were trained to the end: the "
        "value of one that its schedule stopped is of fewer epochs. Epochs and seconds are of all."
    )
    stopped = any(made["stopped"])
    return _table(made) + (page.note(text) if stopped else "")


def statistics(view: View) -> str:
    """What runs of different seeds reached, and whether groups differ by more than chance."""
    tables, parts = view.tables, []
    if tables.repeated:
        made = strategy_statistics(tables.trials).rename(columns=NAMES)
        text = (
            "mean best is the mean of the best of each run, from and to its 95 % bootstrap "
            "interval: with fewer than about five runs it is too narrow."
        )
        parts += [_table(made.reindex(columns=list(GROUPS))), page.note(text)]
    if len(set(tables.trials["group"])) > 1:
        if tables.repeated:
            parts += [page.heading("Best of each run, compared"), _tests(tables.trials, "run")]
        parts += [
            page.heading(f"The {view.goal.name} of all trials, compared"),
            _tests(tables.trials, "trial"),
        ]
        text = (
            "Mann-Whitney tests, p_holm corrected for all pairs; a12 is the probability that a is "
            "better than b. Trials of one search are no independent sample: a comparison of them "
            "says how values are spread, that of runs which search is better."
        )
        parts.append(page.note(text))
    return "".join(parts)


def _tests(trials: pd.DataFrame, per: Literal["run", "trial"]) -> str:
    made = rank_tests(trials, per=per).dropna(subset="p")  # one run a side is no sample
    whole = kruskal_test(trials, per=per)
    if math.isnan(whole.p):
        return _table(made)
    text = f"Kruskal-Wallis test of all groups: H = {whole.statistic:.3g}, p = {whole.p:.3g}."
    return _table(made) + page.note(text)


def importances(view: View) -> str:
    """A table for each space: hparams, and their importance for each group."""
    parts = []
    for family in families(view.sources):
        own = family.of(view.tables.trials)
        if not len(own):
            continue
        known = known_importances(own, family.space)
        if len(known):
            wide = known.pivot(index="hparam", columns="group", values="importance")
            wide = wide[list(dict.fromkeys(known["group"]))]
            wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
            parts.append(_table(wide.rename_axis("hyperparameter").reset_index()))
    text = (
        "By PED-ANOVA on the trials that were trained to the end: how much a hyperparameter tells "
        "the best tenth of them from the rest. Each column adds up to 1; "
        "strategies of fewer than ten such trials have none."
    )
    return "".join(parts) + page.note(text) if parts else ""


def best_so_far(view: View) -> str:
    trials = view.tables.trials
    figure = interactive.best_so_far(trials, AXIS_LABELS, looks(trials))
    text = (
        "A click on a name hides or shows its curve; the menu chooses what it is drawn against; a "
        "double click shows the first values, too, where they lie above."
    )
    return page.note(text) + page.plot(interactive.as_html(figure, f"best-so-far{view.suffix}"))


def parallel(view: View) -> str:
    """A picture for each set of hparams that was searched."""
    parts = []
    for k, family in enumerate(families(view.sources)):
        shown = family.of(view.tables.trials)
        if column(shown, "value").count():
            space = view.sources[family.names[0]].space
            figure = interactive.parallel_coordinates(shown, family.hparams, space)
            width = AXIS * (len(family.hparams) + 2)
            parts.append(
                page.plot(interactive.as_html(figure, f"parallel{view.suffix}-{k}"), width)
            )
    text = "Drag along an axis to choose a range of it; drag its name to move it."
    return page.note(text) + "".join(parts) if parts else ""


def leaderboard(view: View) -> str:
    """Every trial, best first; a click on a head sorts."""
    hparams = dict.fromkeys(name for source in view.sources.values() for name in source.hparams)
    ranked = rank_table(view.tables.trials)
    own, other = view.goal.name, other_metric(view.goal, metrics_in(ranked))
    if own in ranked:
        ranked = ranked.drop(columns=own)
    ranked = ranked.rename(columns={"value": own})
    first = (SERIES, "number", own, other, "epochs")
    columns = [name for name in (*first, *hparams, *LAST) if name in ranked]
    table_id = f"leaderboard{view.suffix}"
    words = [name for name in columns if name in WORDS or not _numeric(ranked[name])]
    repeated = any(source.config.get("repeats", 1) > 1 for source in view.sources.values())
    text = "Where trials were repeated, their numbers are means over the repetitions."
    made = page.note(text) * repeated + page.table(
        ("rank", *columns),
        _rows(ranked.reindex(columns=["rank", *columns])),
        text=words,
        fixed=(own,),
        sortable=table_id,
    )
    return page.search_box(table_id, "filter rows, e.g. des trained") + made


def figures(pictures: Sequence[tuple[Picture, bytes]]) -> str:
    parts: dict[str, str] = {}
    for picture, png in pictures:
        parts[picture.part] = parts.get(picture.part, "") + page.image(png, picture.caption)
    return "".join(
        f'{page.heading(part)}<div class="figures">{shown}</div>' for part, shown in parts.items()
    )


def ledger(sources: Mapping[str, Source]) -> str:
    """What the generations of each run cost."""
    parts = []
    for name, source in sources.items():
        if len(source.ledger):
            frame = source.ledger.drop(columns=["group", "run", "seed", "variant"])
            made = _table(frame.assign(generation=frame["generation"] + 1))
            parts.append(page.heading(name) + made)
    return "".join(parts)


def configs(sources: Mapping[str, Source]) -> str:
    return "".join(
        page.details(name, dump_yaml(dict(source.config)))
        for name, source in sources.items()
        if source.config
    )


def environments(sources: Mapping[str, Source]) -> str:
    """What each run was made on, as far as it noted that, and the versions behind this page."""
    parts = []
    for name, source in sources.items():
        for found in source.environments:
            plain = {key: value for key, value in found.items() if key != "packages"}
            plain["devices"] = ", ".join(found["devices"])
            shown = {**plain, **found["packages"]}
            parts.append(page.heading(name) + page.definitions(shown))
    names = ("hptjax", "pandas", "matplotlib", "plotly")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return "".join(parts) + page.note(f"Page: Python {platform.python_version()}, {versions}.")


def _numeric(column: Any) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _table(frame: pd.DataFrame) -> str:
    return page.table([str(name) for name in frame], _rows(frame), text=WORDS)


def _rows(frame: pd.DataFrame) -> list[list[Any]]:
    """Plain values, None where there is none."""
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
