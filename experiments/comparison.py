"""The output of `experiments.compare_strategies`: tables, figures, rows for a README."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from experiments.analyze_trials import as_published
from experiments.original_logs import read_original
from hptjax.report import best_so_far, rank_tests, strategy_statistics
from hptjax.report.figures import compared, write_pictures
from hptjax.report.numbers import Axis
from hptjax.report.runs import hparams_of
from hptjax.report.sources import Tables, join_sources, read_sources

HALVING = "des, halving"
ORDER = ("des", HALVING, "grid", "random", "tpe")
AXES: tuple[Axis, ...] = ("evaluations", "member_epochs", "seconds")
FIGURES = ("values-by-strategy", *(f"best-so-far-{a.replace('_', '-')}" for a in AXES))
ORIGINAL = Path(__file__).parents[1] / "tests" / "data" / "original-study"
CONFOUNDED = """\
The original's rows are of equal seconds (29 458 of a GPU each), not of equal work: its scheduler
stopped grid, random and bayes trials after 1 to 5 epochs and no trial of des, so their means and
medians compare lengths of training as well as strategies; a value is the mean loss of all epochs so
far, on augmented images. Ours are losses of the last epoch, on images as they are, of networks that
were all trained for as long. So rows compare within a table, not across the two. A grid that its
budget cuts short has tried the first of its 480 points: of 240 all have dropout 0.1, of 120 batch
norm, too."""


def read_part(folder: Path) -> Tables | None:
    """The tables of a part's runs, grouped by strategy; None if there are no runs."""
    paths = [path.parent for path in sorted(folder.glob("*/journal.jsonl"))]  # full before halving
    if not paths:
        return None
    sources = read_sources(paths)
    tables = join_sources(sources)
    epochs = {name: source.config["epochs"] for name, source in sources.items()}
    trials = tables.trials.copy()
    cut = (trials["status"] == "trained") & (
        trials["epochs"] < cast(pd.Series, trials["run"]).map(epochs)
    )
    trials["status"] = trials["status"].mask(cut, "stopped")
    return Tables(*map(_grouped, (trials, tables.epochs, tables.ledger)))


def _grouped(table: pd.DataFrame) -> pd.DataFrame:
    halved = table["run"].str.startswith("halving")
    grouped = table.assign(group=np.where(halved, HALVING, table["strategy"]))
    place = grouped["group"].map(ORDER.index)
    return grouped.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def analyse(part: str, runs: Path, out: Path) -> None:
    """Writes the CSVs and figures of a part's runs, if there are any, and prints its table."""
    tables = read_part(runs)
    if tables is None:
        return
    trials = tables.trials
    statistics = strategy_statistics(trials)
    made = {
        "trials": tidy(trials),
        "best-so-far": pd.concat(
            best_so_far(trials, axis).dropna().assign(axis=axis) for axis in AXES
        )[["axis", "group", "seed", "x", "best"]],
        "statistics": statistics,
        "tests": pd.concat(
            rank_tests(trials, per=per).assign(per=per) for per in ("run", "trial")
        ).dropna(subset="p"),
    }
    for name, table in made.items():
        table.to_csv(out / f"{part}-{name}.csv", index=False, float_format="%.6g")
    pictures = [replace(p, name=f"{part}-{p.name}") for p in compared(tables) if p.name in FIGURES]
    write_pictures(pictures, out)
    print(f"\n{part}:\n\n{markdown(as_rows(statistics))}")
    if len(made["tests"]):
        print(f"\n{made['tests'].to_string(index=False, float_format='{:.3g}'.format)}")


def tidy(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per trial: strategy, seed, trial, values, costs and hparams."""
    kept = ["group", "seed", "number", "generation", "value", "val_accuracy", "status", "epochs"]
    names = {"group": "strategy", "number": "trial"}
    chosen = cast(pd.DataFrame, trials[[*kept, "elapsed", *hparams_of(trials)]])
    return chosen.rename(columns=names)


def as_rows(statistics: pd.DataFrame) -> pd.DataFrame:
    """The columns for a README."""
    several = cast(int, statistics["runs"].max()) > 1
    shown = {
        "strategy": statistics["group"],
        "trials": statistics["n"],
        "to the end": statistics["counted"],
        "epochs": statistics["member_epochs"],
        "best": statistics["best"].map("{:.4f}".format),
    }
    if several:
        ends = zip(*(statistics[f"best_{name}"] for name in ("mean", "low", "high")), strict=True)
        shown["mean best [95 %]"] = [f"{m:.4f} [{a:.4f}, {b:.4f}]" for m, a, b in ends]
    for name in ("median", "mean"):
        shown[name] = statistics[name].map("{:.4f}".format)
    return pd.DataFrame(shown | {"s": statistics["seconds"].map("{:.0f}".format)})


def markdown(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def original(out: Path) -> None:
    """The original's table from its logs, beside the published one, and why it is no benchmark."""
    found = as_published(read_original(ORIGINAL))
    found.to_csv(out / "original.csv", index=False, float_format="%.6g")
    print(f"\nThe original's study:\n\n{markdown(found.round(4))}\n\n{CONFOUNDED}")
