"""The report's pictures: chooses the plots for the given runs, and writes their files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL
from hptjax.report import plots
from hptjax.report.goals import goal_of
from hptjax.report.importances import hparam_importances
from hptjax.report.numbers import AXES, counted_values
from hptjax.report.plots.groups import AXIS_LABELS
from hptjax.report.plots.style import COLUMN, png_of
from hptjax.report.runs import SERIES, UNIT, column, metrics_in
from hptjax.report.sources import Family, Source, Tables, View, families, file_name
from hptjax.space import Space

FORMATS = ("png", "svg", "pdf")
HEIGHT = 2.3  # inches
ENOUGH = 10  # with fewer trials, importances are noise
BLIND = ("grid", "random")  # searchers that do not learn
COMPARED, SEARCHES, HPARAMS = "Comparison", "Searches", "Hyperparameters"


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn.

    draw: draws on the Axes that it gets. part: the part of the page. shown: whether the page shows
    it; for some pictures the page has an interactive chart instead.
    """

    name: str
    caption: str
    draw: Callable[[Axes], object]
    part: str = COMPARED
    height: float = HEIGHT
    width: float = COLUMN
    shown: bool = True


def render(picture: Picture) -> Axes:
    """Draws a picture, without pyplot."""
    ax = plots.new_axes(picture.height, picture.width)
    picture.draw(ax)
    return ax


def write_pictures(
    pictures: Sequence[Picture], folder: Path, formats: Sequence[str] = ("png",)
) -> list[tuple[Picture, bytes]]:
    """Writes NAME.png, .svg and .pdf, as `formats` says; returns each picture as PNG, too."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for picture in pictures:
        ax = render(picture)
        png = png_of(ax)
        made.append((picture, png))
        for kind in formats:
            path = folder / f"{picture.name}.{kind}"
            if kind == "png":
                path.write_bytes(png)
            else:
                plots.save_axes(ax, path)
    return made


def named_pictures(view: View) -> list[Picture]:
    """The pictures of a view; names and captions of comparisons include a further metric."""
    return [
        picture
        if picture.part == SEARCHES or not view.suffix
        else replace(
            picture,
            name=f"{picture.name}{view.suffix}",
            caption=f"By {view.goal.name}: {picture.caption}",
        )
        for picture in pictures_of(view.tables, view.sources)
    ]


def pictures_of(tables: Tables, sources: Mapping[str, Source]) -> list[Picture]:
    """The pictures for which some runs have the data."""
    made = compared(tables)
    for name, rows in tables.trials.groupby(SERIES, sort=False):
        source = sources[rows["run"].iloc[0]]
        kind = source.kinds.get(rows["strategy"].iloc[0], "")
        made += of_search(str(name), rows, blind=kind in BLIND)
    for k, family in enumerate(families(sources), start=1):
        suffix = f"-{k}" if k > 1 else ""
        made += of_hparams(family, tables.trials, suffix)
    return made


def compared(tables: Tables) -> list[Picture]:
    """Pictures that compare groups: their values and their costs."""
    trials: Any = tables.trials
    groups = len(set(trials["group"]))
    tall = max(HEIGHT, 0.42 * groups + 0.6)
    text = "Values of the trials that were trained to the end: quartiles, median, and whiskers to "
    made = [
        Picture(
            "values-by-strategy",
            f"{text}1.5 times their distance.",
            lambda ax: plots.plot_box(trials, ax),
            height=tall,
            shown=groups > 1,
        )
    ]
    name = goal_of(trials).name
    several = ": median and quartiles of the runs." if tables.repeated else "."
    for axis in AXES:
        if axis == "evaluations" or trials[axis].notna().any():
            made.append(
                Picture(
                    f"best-so-far-{axis.replace('_', '-')}",
                    f"Best {name} so far against {AXIS_LABELS[axis]}{several}",
                    lambda ax, axis=axis: plots.plot_best_so_far(trials, ax, axis),
                    height=HEIGHT + 0.09 * groups,
                    shown=False,
                )
            )
    text = (
        "Wall time of each trial, without compiling: trials that were trained together share the "
        "time of their generation by "
    )
    if trials["seconds"].notna().any():
        made.append(
            Picture(
                "time-per-evaluation",
                f"{text}their epochs.",
                lambda ax: plots.plot_time_per_evaluation(trials, ax),
                height=tall,
            )
        )
    return made + _compared_runs(tables)


def _compared_runs(tables: Tables) -> list[Picture]:
    """Pictures that need a run, not only a table of trials: time and epochs."""
    made = []
    if len(tables.ledger):
        made.append(
            Picture(
                "ledger",
                "Where the wall time went; the first search compiles for all.",
                lambda ax: plots.plot_ledger(tables.ledger, ax),
                height=max(1.6, 0.3 * len(set(tables.ledger["group"])) + 0.9),
            )
        )
    if len(tables.epochs):
        goal = goal_of(tables.trials)
        # the curve of a metric of logits is val_<name>
        curves = {name.removeprefix(VAL): name for name in metrics_in(tables.epochs)}
        curve = curves.get(goal.name.removeprefix(VAL))
        shown = Goal() if curve is None else Goal(curve, goal.direction)
        made.append(
            Picture(
                "learning-curves",
                f"The {shown.name} of every trial after each epoch; bold: the best of the "
                "trials that were trained longest.",
                lambda ax: plots.plot_learning_curves(
                    tables.epochs, ax, shown.name, direction=shown.direction
                ),
                shown=False,
            )
        )
    return made


def of_search(name: str, rows: pd.DataFrame, *, blind: bool) -> list[Picture]:
    """Pictures of one search, generation by generation; blind: its searcher does not learn."""
    units = [str(unit) for unit in rows if str(unit).startswith(UNIT)]
    known = [unit for unit in units if column(rows, unit).notna().any()]
    own = rows.drop(columns=[unit for unit in units if unit not in known])
    generation = column(rows, "generation")
    told = bool(generation.notna().all())
    several = told and generation.nunique() > 1
    values = counted_values(rows).groupby(generation).nunique()
    stopped = bool((column(rows, "status") == "stopped").any())
    shaded = "; generations are shaded in turn." if several else "."
    plotted = [  # name, whether there is anything to show, caption, plot, height
        (
            *("evaluations", True, f"Consecutive evaluations of {name}{shaded}"),
            *(plots.plot_evaluations, HEIGHT),
        ),
        (
            *("density", several and values.max() > 2 and not blind),
            f"Values of each generation of {name}, the first on top.",
            *(plots.plot_population_density, 3.0),
        ),
        (
            *("spread", several and bool(known) and not blind),
            f"Spread of the points of {name}; dotted: the spread of a uniform sample.",
            *(plots.plot_spread, 3.0),
        ),
        (
            *("halving", told and stopped),
            f"Trials of {name} in training, epoch after epoch, with the best of each generation.",
            *(plots.plot_halving, HEIGHT),
        ),
    ]
    return [
        Picture(
            f"{kind}-{file_name(name)}",
            caption,
            lambda ax, plot=plot: plot(own, ax),
            SEARCHES,
            height,
            shown=kind != "evaluations",
        )
        for kind, seen, caption, plot, height in plotted
        if seen
    ]


def of_hparams(family: Family, trials: pd.DataFrame, suffix: str) -> list[Picture]:
    """Pictures about the hparams of one space; suffix: the end of the pictures' names."""
    own: Any = family.of(trials)
    counted: Any = counted_values(own).notna()
    if not counted.any():
        return []
    where = f" of {', '.join(family.names)}" if suffix else ""
    made = []
    importances = known_importances(own, family.space)
    if len(importances):
        bars = len(importances)
        made.append(
            Picture(
                f"importances{suffix}",
                f"Importance of the hyperparameters{where}: how much they separate the best tenth "
                "of the trials from the rest.",
                lambda ax: plots.plot_importances(importances, ax),
                HPARAMS,
                max(HEIGHT, 0.07 * bars + 0.15 * len(family.hparams) + 0.8),
                shown=False,
            )
        )
    for name in family.hparams:
        if own.loc[counted, name].nunique() > 1:
            made.append(
                Picture(
                    f"slice-{file_name(name)}{suffix}",
                    f"Values against {name}{where}.",
                    lambda ax, name=name: plots.plot_slice(own, ax, name),
                    HPARAMS,
                    shown=False,
                )
            )
    return made


def known_importances(trials: pd.DataFrame, space: Space | None) -> pd.DataFrame:
    """The importances of the groups with enough trials."""
    made = hparam_importances(trials, space).dropna(subset="importance")
    return made.loc[made["trials"] >= ENOUGH]


def parallel_pictures(tables: Tables, sources: Mapping[str, Source]) -> list[Picture]:
    """Parallel coordinates of each space, for print; the page has interactive ones."""
    return [
        Picture(
            f"parallel-{k}",
            f"Trials of {', '.join(family.names)} through their hyperparameters.",
            lambda ax, family=family: plots.plot_parallel(family.of(tables.trials), ax),
            HPARAMS,
            3.0,
            2 * COLUMN,
        )
        for k, family in enumerate(families(sources), start=1)
    ]
