"""Measures the time of a study outside training: searcher, journal, tables, logs.

    python -m experiments.benchmarks.search_overhead [--quick] [--data fashion_mnist]

Runs each strategy of the trial-1 study for some generations in its own run directory, with
everything that `hptjax run` writes, and reads the ledgers. The share is searcher_s + log_s divided
by wall_s less compile_s, over all generations except the first: a record has the seconds since the
record before it. The last line of output is one JSON object.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from hptjax.devices import set_up
from hptjax.records import StudyResult
from hptjax.study import StudyConfig

from .common import machine, rounded, show, trial1

STRATEGIES = ("des", "grid", "random", "tpe")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one strategy, few images")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--generations", type=int, default=3)
    return parser.parse_args()


def main() -> int:
    args = parse()
    set_up(compile_cache=True)
    strategies = STRATEGIES[:1] if args.quick else STRATEGIES
    overrides = [
        f"strategies=[{', '.join(strategies)}]",
        f"budget={{generations: {args.generations}}}",
        f"data.source={args.data}",
        *(["data.train_limit=2000"] if args.quick else []),
    ]
    study = trial1(overrides)
    result = run_quietly(study)
    shares = {name: share(result, name) for name in strategies}
    print(machine())
    rows = [[name, *values.values()] for name, values in shares.items()]
    show("Seconds outside training", ["strategy", *next(iter(shares.values()))], rows)
    worst = max(values["share"] for values in shares.values())
    print(json.dumps({"overhead": rounded(worst), "by_strategy": shares}))
    return 0


def run_quietly(study: StudyConfig) -> StudyResult:
    """Runs a study as `hptjax run` does, in a temporary run directory."""
    # after set_up: the imports start JAX
    from hptjax.records import RunDirectory
    from hptjax.report.display import python_display
    from hptjax.tuning.running import execute

    with (
        tempfile.TemporaryDirectory() as folder,
        RunDirectory(Path(folder) / "run", study.to_dict()) as directory,
    ):
        return execute(study, directory, python_display(progress=False))


def share(result: StudyResult, strategy: str) -> dict[str, float]:
    """The seconds of a strategy's later generations, and those outside training."""
    ledgers = [r.ledger for r in result.generations if r.strategy == strategy][1:]
    total = {key: sum(ledger[key] for ledger in ledgers) for key in ledgers[0]}
    wall = total["wall_s"] - total["compile_s"]
    outside = total["searcher_s"] + total["log_s"]
    return {
        "searcher_s": total["searcher_s"],
        "log_s": total["log_s"],
        "wall_s": wall,
        "share": outside / wall,
    }


if __name__ == "__main__":
    sys.exit(main())
