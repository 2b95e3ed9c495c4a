"""What a report is made of: runs as tables of trials in order, with what they had cost by then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from hptjax.errors import ConfigError
from hptjax.records.change import describe_changes
from hptjax.records.environment import read_environments
from hptjax.records.run_dir import load_run
from hptjax.records.trial import METRICS, GenerationRecord, Status, StudyResult
from hptjax.report.original_logs import log_files, read_log
from hptjax.report.tables import trials_frame
from hptjax.space import Space

COSTS = {
    "evaluations": "evaluations",
    "member_epochs": "epochs of single networks",
    "samples": "training images seen",
    "seconds": "wall seconds",
}
PLACE = ("strategy", "number", "generation", "status", "value", "epochs")
LEDGER = ("members", "member_epochs", "samples", "compile_s", "train_s", "searcher_s", "log_s")


@dataclass(frozen=True)
class Source:
    """One run, or one of the original study's logs.

    trials: a row for each in order, with `strategy`, `number`, `value`, the hparams and cumulative
    COSTS; hparams: their names; ledger: a row for each generation, empty where none is known.
    """

    name: str
    trials: pd.DataFrame
    hparams: tuple[str, ...]
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    config: Mapping[str, Any] = field(default_factory=dict)
    stops: Mapping[str, str] = field(default_factory=dict)
    environments: Sequence[Mapping[str, Any]] = ()
    space: Space | None = None


def read_source(path: Path) -> Source:
    """A run directory, or the original's logs: a folder of them, or one. Raises: ConfigError."""
    if not (path / "journal.jsonl").is_file():
        return _read_logs(path)
    run = load_run(path)
    if not run.generations:
        raise ConfigError(
            f"{path}: no trial is recorded yet; report it after its first generation."
        )
    space = Space.from_dict(run.config["space"])
    return Source(
        name=path.resolve().name,
        trials=costed_trials(run),
        hparams=space.names,
        ledger=ledger_frame(run.generations),
        config=run.config,
        stops=run.stops,
        environments=read_environments(path),
        space=space,
    )


def _read_logs(path: Path) -> Source:
    files = log_files(path)
    if not files:
        raise ConfigError(
            f"{path}: neither a run (it has no journal.jsonl) nor a log of the original study "
            "(gs.csv, rs.csv, bs.csv, des.npz)."
        )
    tables = [read_log(file) for file in files]
    hparams = dict.fromkeys(
        name for table in tables for name in table if name not in (*PLACE, *COSTS, *METRICS)
    )
    return Source("original", pd.concat(tables, ignore_index=True), tuple(hparams))


def costed_trials(run: StudyResult) -> pd.DataFrame:
    """The table of trials, and after each one what its strategy had spent.

    Trials of a generation are trained together: its seconds are spent when all of them end.
    """
    frame = trials_frame(run.generations)
    # what every repair does, wiring sizes, would drown what the user should know
    frame["changes"] = [describe_changes(t.changes, all_of_them=False) for t in run.trials]
    repeats = run.config.get("repeats", 1)
    numbers = ["value", "told", *METRICS]  # of a run in which all failed these are objects
    frame[numbers] = frame[numbers].astype(float)
    frame["member_epochs"] = frame.groupby("strategy")["epochs"].cumsum() * repeats
    frame["evaluations"] = frame.groupby("strategy").cumcount() + 1
    ledgers = ledger_frame(run.generations)
    ledgers["seconds"] = ledgers.groupby("strategy")["wall_s"].cumsum()
    images = (
        (ledgers["samples"].sum() / max(1, ledgers["member_epochs"].sum())) if len(ledgers) else 0
    )
    frame["samples"] = frame["member_epochs"] * images
    ends = ledgers[["strategy", "generation", "seconds"]]
    return frame.merge(ends, on=["strategy", "generation"], how="left")


def ledger_frame(generations: Sequence[GenerationRecord]) -> pd.DataFrame:
    """A row for each generation: its trials and what they cost."""
    rows = [
        {
            "strategy": record.strategy,
            "generation": record.generation,
            "trials": len(record.trials),
            **{key: record.ledger[key] for key in LEDGER if key in record.ledger},
            **record.ledger,
        }
        for record in generations
    ]
    return pd.DataFrame(rows)


def named_series(sources: Mapping[str, Source]) -> pd.DataFrame:
    """All trials in one table; `series` is the strategy, with the run's name if there are more."""
    frames = []
    for name, source in sources.items():
        prefix = f"{name}: " if len(sources) > 1 else ""
        frames.append(source.trials.assign(run=name, series=prefix + source.trials["strategy"]))
    return pd.concat(frames, ignore_index=True)


def best_row(trials: pd.DataFrame) -> Any:
    """The best trial among those trained to the end, the first of equals; None if there is none."""
    judged: Any = trials["value"].where(trials["status"] == Status.TRAINED)
    return trials.loc[judged.idxmin()] if judged.count() else None


def strategy_table(trials: pd.DataFrame, sources: Mapping[str, Source]) -> pd.DataFrame:
    """A row for each series: how many trials, how good, at what cost."""
    rows = []
    for name, own in trials.groupby("series", sort=False):
        first, best, value = own.iloc[0], best_row(own), own["value"]
        source = sources[first["run"]]
        unknown = "unfinished" if source.config else None  # a log does not say
        rows.append(
            {
                "series": name,
                "trials": len(own),
                "failed": value.isna().sum(),
                "best": None if best is None else best["value"],
                "median": value.median(),
                "mean": value.mean(),
                "epochs": own["member_epochs"].max(),
                "wall s": own["seconds"].max(),
                "stopped by": source.stops.get(first["strategy"], unknown),
            }
        )
    return pd.DataFrame(rows)


def distinct(names: Sequence[str]) -> list[str]:
    """Names that occur more than once get a number."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})"
        for k, name in enumerate(names)
    ]


def read_sources(paths: Sequence[Path]) -> dict[str, Source]:
    """All of them by names of their own. Raises: ConfigError, DataError."""
    sources = [read_source(path) for path in paths]
    return dict(zip(distinct([source.name for source in sources]), sources, strict=True))
