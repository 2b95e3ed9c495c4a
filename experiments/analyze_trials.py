"""The original study's Analyze_Trials notebook: tables and figures of runs, and of its own logs.

    python -m experiments.analyze_trials runs/trials/seed0 [logs/original ...] [--out analysis]

Prints a row for each group of runs, rank tests, and the published values beside those from the
original's logs, where trials that its schedule stopped count, too. Writes the tables as CSV and the
figures as PNG and PDF. On the published logs the minima are 0.3902 (grid), 0.3998 (bayes), 0.4147
(random) and 0.4056 (des), as published; their budgets differ (see epochs).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from experiments.original_logs import read_sources
from hptjax.report import hparam_importances, rank_tests, strategy_statistics
from hptjax.report.figures import named_pictures, parallel_pictures, write_pictures
from hptjax.report.sources import View, families, join_sources, views_of

PUBLISHED = pd.DataFrame(
    {
        "group": ["grid", "bayes", "random", "des"],
        "published n": [480, 439, 378, 224],
        "published min": [0.3902, 0.3998, 0.4147, 0.4056],
        "published median": [0.6099, 0.7177, 0.7974, 0.5085],
        "published mean": [0.9666, 0.8924, 0.9267, 0.5417],
    }
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path, help="run directories, original's logs")
    parser.add_argument("--out", type=Path, default=Path("analysis"))
    parser.add_argument("--allow-pickle", action="store_true", help="read the original's DES*.npy")
    args = parser.parse_args()
    sources = read_sources(args.sources, allow_pickle=args.allow_pickle)
    args.out.mkdir(parents=True, exist_ok=True)
    made, pictures = {}, []
    for view in views_of(join_sources(sources), sources):  # the trials of one metric
        made |= {f"{name}{view.suffix}": table for name, table in tables_of(view).items()}
        parallel = parallel_pictures(view.tables, view.sources)
        pictures += named_pictures(view)
        pictures += [replace(p, name=f"{p.name}{view.suffix}") for p in parallel]
    if "original" in sources:
        made["original"] = as_published(sources["original"].trials)
    for name, table in made.items():
        table.to_csv(args.out / f"{name}.csv", index=False)
        if len(table):
            print(f"{name}:\n{shown(table)}\n")
    drawn = write_pictures(pictures, args.out, ("png", "pdf"))
    print(f"{args.out}: {len(made)} tables and {len(drawn)} figures")
    return 0


def tables_of(view: View) -> dict[str, pd.DataFrame]:
    """{name of a file: table}, with statistics, tests and importances."""
    trials = view.tables.trials
    made = {
        "strategies": strategy_statistics(trials),
        "tests-per-trial": rank_tests(trials, per="trial"),
        "importances": pd.concat(
            hparam_importances(f.of(trials), f.space) for f in families(view.sources)
        ),
    }
    if view.tables.repeated:  # a single run is not a sample
        made["tests-per-run"] = rank_tests(trials, per="run")
    return made


def as_published(trials: pd.DataFrame) -> pd.DataFrame:
    """The original's table, recomputed from its logs, beside the published values."""
    found = strategy_statistics(trials.assign(group=trials["strategy"]), with_stopped=True)
    found = found.rename(columns={"best": "min"})
    return found[["group", "n", "min", "median", "mean"]].merge(PUBLISHED, on="group")


def shown(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.4g}".format, na_rep="-")


if __name__ == "__main__":
    sys.exit(main())
