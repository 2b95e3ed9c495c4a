"""The original study's Analyze_Trials notebook: tables and figures of runs, and of its own logs.

    python -m experiments.analyze_trials runs/trials/seed0 [logs/original ...] [--out analysis]

Prints a row for each strategy, the published values beside those of the original's logs, and writes
the figures as PNG and PDF. Takes seconds. On the published logs the minima are .3902 (grid), .3998
(Bayes), .4147 (random) and .4056 (DES), as published; their budgets differ (see epochs).
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from hptjax.report.figures import pictures_of, write_pictures
from hptjax.report.sections import colours
from hptjax.report.sources import named_series, read_sources, strategy_table

PUBLISHED = pd.DataFrame(
    {
        "strategy": ["grid", "Bayes", "random", "DES"],
        "published trials": [480, 439, 378, 224],
        "published best": [0.3902, 0.3998, 0.4147, 0.4056],
        "published median": [0.6099, 0.7177, 0.7974, 0.5085],
        "published mean": [0.9666, 0.8924, 0.9267, 0.5417],
    }
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path, help="run directories, original's logs")
    parser.add_argument("--out", type=Path, default=Path("analysis"))
    args = parser.parse_args()
    sources = read_sources(args.sources)
    trials = named_series(sources)
    table = strategy_table(trials, sources)
    print(table.to_string(index=False, float_format="{:.4f}".format, na_rep="-"))
    if "original" in sources:
        recomputed = strategy_table(trials[trials["run"] == "original"], sources)
        recomputed["strategy"] = recomputed["series"].str.split(": ").str[-1]
        columns = ["strategy", "trials", "best", "median", "mean"]
        beside = recomputed[columns].merge(PUBLISHED, on="strategy")
        print("\nThe original's table, recomputed and as published:")
        print(beside.to_string(index=False, float_format="{:.4f}".format))
    args.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out / "strategies.csv", index=False)
    made = write_pictures(pictures_of(trials, colours(trials)), args.out, ("png", "pdf"))
    print(f"\n{args.out}: strategies.csv and {len(made)} figures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
