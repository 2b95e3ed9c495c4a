"""The parts of the report: each makes HTML of the tables of all runs."""

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

import pandas as pd
import yaml

from hptjax.records.trial import Status
from hptjax.report import interactive, page
from hptjax.report.figures import Picture
from hptjax.report.sources import COSTS, Source, best_row, strategy_table

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
FIRST = ("series", "number", "value", "val_accuracy", "epochs")
LAST = ("status", "reason", "changes")
WORDS = ("series", "strategy", "run", "status", "reason", "changes", "stopped by")
AXIS = 105  # pixels that an axis of the parallel coordinates needs


def colours(trials: pd.DataFrame) -> dict[str, str]:
    """A colour for each series, the same in every picture."""
    names = dict.fromkeys(trials["series"])
    return {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(names)}


def lead(trials: pd.DataFrame) -> str:
    """One sentence on the best trial, and when the page was made."""
    made = f"Made on {datetime.now():%Y-%m-%d %H:%M}."
    best = best_row(trials)
    if best is None:
        return page.note(f"{len(trials)} trials, none of which has a value. {made}")
    return page.note(
        f"{len(trials)} trials. The best value is {best['value']:.4f}, by {best['series']}, "
        f"trial {best['number']}; lower is better. {made}"
    )


def summary(trials: pd.DataFrame, sources: Mapping[str, Source]) -> str:
    """A row for each series: how many, how good, at what cost."""
    made = strategy_table(trials, sources)
    rows = made.astype(object).where(made.notna(), None).to_numpy().tolist()
    return page.table(list(made.columns), rows, text=WORDS)


def best_so_far(trials: pd.DataFrame) -> str:
    judged = trials["value"].where(trials["status"] == Status.TRAINED)
    best = judged.groupby(trials["series"]).cummin()
    progress = trials.assign(best=best.groupby(trials["series"]).ffill())
    figure = interactive.best_so_far(progress, COSTS, colours(trials))
    text = (
        "A click on a name hides or shows its curve; the menu chooses what it is drawn against; a "
        "double click shows the first values, too, where they lie above."
    )
    return page.note(text) + page.plot(interactive.as_html(figure, "best-so-far"))


def parallel(trials: pd.DataFrame, sources: Mapping[str, Source]) -> str:
    """A picture for each set of hparams that was searched."""
    spaces: dict[frozenset[str], list[str]] = {}
    for name, source in sources.items():
        spaces.setdefault(frozenset(source.hparams), []).append(name)
    parts = []
    for k, names in enumerate(spaces.values()):
        hparams = sources[names[0]].hparams
        shown: Any = trials[trials["run"].isin(names)]
        if shown["value"].count():
            space = sources[names[0]].space
            figure = interactive.parallel_coordinates(shown, hparams, space)
            width = AXIS * (len(hparams) + 2)
            parts.append(page.plot(interactive.as_html(figure, f"parallel-{k}"), width))
    text = "Drag along an axis to choose a range of it; drag its name to move it."
    return page.note(text) + "".join(parts) if parts else ""


def leaderboard(trials: pd.DataFrame, sources: Mapping[str, Source]) -> str:
    """Every trial, best first; a click on a head sorts."""
    hparams = dict.fromkeys(name for source in sources.values() for name in source.hparams)
    columns = [name for name in (*FIRST, *hparams, *LAST) if name in trials]
    order = trials.assign(failed=trials["value"].isna(), half=trials["status"] != Status.TRAINED)
    ranked = order.sort_values(["failed", "half", "value"], kind="stable")
    rows = ranked[columns].astype(object).where(ranked[columns].notna(), None)
    words = [name for name in columns if name in WORDS or not _numeric(trials[name])]
    made = page.table(
        ("rank", *columns),
        ([rank, *row] for rank, row in enumerate(rows.to_numpy().tolist(), start=1)),
        text=words,
        sortable="leaderboard",
    )
    return page.search_box("leaderboard", "filter rows, e.g. des trained") + made


def figures(pictures: Sequence[tuple[Picture, bytes]]) -> str:
    shown = "".join(page.image(png, picture.caption) for picture, png in pictures)
    return f'<div class="figures">{shown}</div>' if shown else ""


def ledger(sources: Mapping[str, Source]) -> str:
    """What the generations of each run cost."""
    parts = []
    for name, source in sources.items():
        if len(source.ledger):
            frame = source.ledger.assign(generation=source.ledger["generation"] + 1)
            made = page.table(list(frame.columns), frame.to_numpy().tolist(), text=WORDS)
            parts.append(page.heading(name) + made)
    return "".join(parts)


def configs(sources: Mapping[str, Source]) -> str:
    return "".join(
        page.details(name, yaml.safe_dump(dict(source.config), sort_keys=False))
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
