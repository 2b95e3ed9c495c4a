"""The parts of the report about trials: the best network, curves, leaderboard, hyperparameters."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from hptjax.records.goal import COSTS
from hptjax.report import charts, page
from hptjax.report.answer import answer, answer_of_table
from hptjax.report.charts import Looks
from hptjax.report.console import other_metric
from hptjax.report.figures import Picture, known_importances
from hptjax.report.numbers import counted_values, rank_table
from hptjax.report.parallel import colour_text, parallel_coordinates, ramp
from hptjax.report.plots.groups import AXIS_LABELS
from hptjax.report.plots.style import COLOURS, colours_of, lines_of
from hptjax.report.runs import SERIES, column, metrics_in
from hptjax.report.sources import View, families

FRONT = "on the front"
LAST = ("status", "reason", "changes")
HEADS = {SERIES: "search", "number": "trial"}  # headings of columns
WORDS = ("search", FRONT, "status", "reason", "changes", "hyperparameter")


def looks(trials: pd.DataFrame) -> Looks:
    """{series: (colour, line)}: a group has one colour, and its runs have different lines.

    The ninth group has the colour of the first one again, but other lines.
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
    """Makes a part of the page for each metric: trials of different metrics are not compared."""
    if len(views) == 1:
        return make(views[0])
    made = [(str(view.goal), make(view)) for view in views]
    return "".join(page.heading(title, "metric") + content for title, content in made if content)


def opening(views: Sequence[View]) -> str:
    """The best network by each metric."""
    text = ""
    if len(views) > 1:
        names = ", ".join(view.goal.name for view in views)
        text = page.note(
            f"The runs were judged by different metrics ({names}): each has its own part, and they "
            "are not ranked against each other."
        )
    return f"<h2>The best network</h2>{text}{each(views, best)}"


def best(view: View) -> str:
    """The best network of the runs of a view, and how to use it."""
    trials, goal = view.tables.trials, view.goal
    if not counted_values(trials).count():
        return page.note(f"{len(trials)} trials, none of which has a {goal.name}.")
    first: Any = rank_table(trials).iloc[0]
    source = view.sources[first["run"]]
    name = charts.trial_name(first[SERIES], first["number"])
    where = page.note(f"It is from the run {source.name}.") if len(view.sources) > 1 else ""
    if source.best is None or source.best.trial.number != first["number"]:
        hparams = {key: first[key] for key in source.hparams if pd.notna(first[key])}
        return answer_of_table(hparams, name, goal, first["value"]) + where
    data = source.config.get("data", {}).get("source")
    return answer(source.best, goal, len(trials), data) + where


def best_so_far(view: View) -> str:
    trials = view.tables.trials
    chart = charts.best_so_far(trials, AXIS_LABELS, looks(trials))
    if not chart["views"]:
        return ""
    text = "A click on a name hides or shows its curve; the menu chooses the horizontal axis."
    return page.note(text) + charts.as_html(chart, f"best-so-far{view.suffix}")


def learning_curves(view: View) -> str:
    tables = view.tables
    if not _has_curves(view):
        return ""
    ranked = rank_table(tables.trials)
    board = f"leaderboard{view.suffix}"
    chart = charts.learning_curves(tables.epochs, ranked, view.goal, looks(tables.trials), board)
    few = f", of the best {charts.CURVES} trials" if len(ranked) > charts.CURVES else ""
    text = f"After each epoch{few}. Boxes in the leaderboard, and clicks on curves, highlight them."
    return page.note(text) + charts.as_html(chart, f"learning-curves{view.suffix}")


def leaderboard(view: View) -> str:
    """Every trial, best first; a click on a heading sorts, a box shows its learning curve."""
    hparams = dict.fromkeys(name for source in view.sources.values() for name in source.hparams)
    ranked = rank_table(view.tables.trials)
    curves = _curves(view, ranked)
    own, other = view.goal.name, other_metric(view.goal, metrics_in(ranked))
    if own in ranked:
        ranked = ranked.drop(columns=own)
    ranked = ranked.rename(columns={"value": own, **HEADS})
    more = objectives_of(view)
    if more:
        ranked = ranked.assign(**{FRONT: _on_front(view, ranked)})
    first = (*HEADS.values(), own, *(more or (other,)), FRONT, "epoch", "epochs")
    columns = [n for n in dict.fromkeys((*first, *hparams, *LAST)) if n in ranked]
    columns = [name for name in columns if name not in LAST or len(set(ranked[name])) > 1]
    table_id = f"leaderboard{view.suffix}"
    words = [name for name in columns if name in WORDS or not _numeric(ranked[name])]
    repeated = any(source.config.get("repeats", 1) > 1 for source in view.sources.values())
    text = f"Best first by {view.goal}; a click on a heading sorts."
    text += " The Pareto front: no other trial is better in all objectives." * bool(more)
    text += " Where trials were repeated, their numbers are means over the repetitions." * repeated
    made = page.table(
        ("rank", *columns),
        page.plain_rows(ranked.reindex(columns=["rank", *columns])),
        text=words,
        fixed=(own, *(name for name in more if name not in COSTS)),
        sortable=table_id,
        ticks=curves,
        ticked=charts.TICKED,
    )
    hint = f"filter: words, or {_example(view)}"
    return page.note(text) + page.table_controls(table_id, hint) + made


def _has_curves(view: View) -> bool:
    """Whether any trial was trained for more than one epoch."""
    epochs = view.tables.epochs
    return len(epochs) > 0 and bool((column(epochs, "epoch") > 1).any())


def _example(view: View) -> str:
    """An example of a filter, which half of the trials pass."""
    middle = counted_values(view.tables.trials).median()
    return f"{view.goal.name}{'<' if view.goal.sign > 0 else '>'}{middle:.2g}"


def objectives_of(view: View) -> tuple[str, ...]:
    """The names of the further objectives of a view."""
    names = (name for source in view.sources.values() for name in source.objectives)
    return tuple(dict.fromkeys(names))


def _on_front(view: View, ranked: pd.DataFrame) -> list[str]:
    places = zip(ranked["run"], ranked["strategy"], ranked["trial"], strict=True)
    return ["yes" if (s, n) in view.sources[run].front else "" for run, s, n in places]


def _curves(view: View, ranked: pd.DataFrame) -> list[str | None]:
    """The name of each trial's learning curve, None without one; empty if none are shown."""
    if not _has_curves(view):
        return []
    epochs = view.tables.epochs
    drawn = set(zip(epochs[SERIES], epochs["number"], strict=True))
    pairs = list(zip(ranked[SERIES], ranked["number"], strict=True))
    return [
        charts.trial_name(*pair) if pair in drawn and k < charts.CURVES else None
        for k, pair in enumerate(pairs)
    ]


def values_against(view: View) -> str:
    """The value of each trial against its number and each hparam, for each family."""
    parts = []
    for k, family in enumerate(families(view.sources)):
        shown = family.of(view.tables.trials)
        space = view.sources[family.names[0]].space
        against = (*objectives_of(view), *family.hparams)
        chart = charts.values_against(shown, against, space, looks(view.tables.trials))
        if chart["views"]:
            parts.append(charts.as_html(chart, f"values{view.suffix}-{k}"))
    return page.heading("Values against each hyperparameter") + "".join(parts) if parts else ""


def parallel(view: View) -> str:
    """Parallel coordinates for each family."""
    parts = []
    for k, family in enumerate(families(view.sources)):
        shown = family.of(view.tables.trials)
        if column(shown, "value").count():
            space = view.sources[family.names[0]].space
            chart = parallel_coordinates(shown, family.hparams, space)
            left, right = colour_text(view.goal, chart["ends"])
            key = (
                f'<p class="note">{left}<span class="ramp" style="background: {ramp()}"></span>'
                f"{right}</p>"
            )
            parts.append(key + charts.as_html(chart, f"parallel{view.suffix}-{k}", "parallel"))
    return page.heading("All together, a line for each trial") + "".join(parts) if parts else ""


def importances(view: View) -> str:
    """A table for each family: hparams, and their importance for each group."""
    parts = []
    for family in families(view.sources):
        own = family.of(view.tables.trials)
        known = known_importances(own, family.space) if len(own) else own
        if len(known):
            wide = known.pivot(index="hparam", columns="group", values="importance")
            groups = list(dict.fromkeys(map(str, known["group"])))
            wide = wide[groups]
            wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
            frame = wide.rename_axis("hyperparameter").reset_index()
            names = [str(name) for name in frame]
            parts.append(
                page.table(names, page.plain_rows(frame), text=WORDS, bars=groups, fixed=groups)
            )
    text = (
        "How much a hyperparameter separates the best tenth of the trials from the rest "
        "(PED-ANOVA, on those trained to the end). A column adds up to 1; a search with fewer than "
        "ten such trials has none."
    )
    if not parts:
        return ""
    return page.heading("Importances") + "".join(parts) + page.note(text)


def hyperparameters(view: View) -> str:
    return importances(view) + values_against(view) + parallel(view)


def figures(pictures: Sequence[tuple[Picture, bytes]]) -> str:
    """The pictures for which the page has no interactive chart."""
    parts: dict[str, str] = {}
    for picture, png in pictures:
        if picture.shown:
            parts[picture.part] = parts.get(picture.part, "") + page.image(png, picture.caption)
    return "".join(
        f'{page.heading(part)}<div class="figures">{shown}</div>' for part, shown in parts.items()
    )


def _numeric(column: Any) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
