"""The directory of a run: its files, and whether a study may go on in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hptjax.errors import ConfigError, shown
from hptjax.records.journal import Journal, read_journal
from hptjax.records.trial import GenerationRecord, StudyResult

VERSION = 2
FREE_KEYS = ("out", "tensorboard", "budget", "executor")  # may differ between the calls of one run


class RunDirectory:
    """A run's directory, open for writing: starts a new run or resumes the one that is there.

    config: the resolved study as plain data. Raises: ConfigError where the directory holds a run
    of another config, or something that is no run.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path}: must be a directory, it is a file; use another --out.")
        if path.exists() and any(path.iterdir()) and not (path / "journal.jsonl").exists():
            raise ConfigError(f"{path}: not empty and not a run; use another --out.")
        try:
            self.journal = Journal(path / "journal.jsonl")
        except OSError as error:
            raise ConfigError(f"{path}: cannot write here: {error.strerror}.") from None
        try:
            self._begin(config)
        except ConfigError:
            self.journal.close()
            raise

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        if self.resumed:
            check_same_config(self.path, self.journal.records[0], config)
        else:
            self.journal.clear()  # a run that failed before its first result binds nobody
        (self.path / "config.yaml").write_text(yaml.safe_dump(self._config, sort_keys=False))
        if not self.resumed:
            self.journal.append({"kind": "study", "version": VERSION, "config": self._config})

    @property
    def best(self) -> Path:
        return self.path / "best"

    @property
    def resumed(self) -> bool:
        """Whether the journal already held results."""
        return len(self.journal.records) > 1

    @property
    def finished(self) -> bool:
        """Whether every strategy stopped under the budget of this config."""
        stops = {r["strategy"]: r for r in self.journal.records if r["kind"] == "stop"}
        budget = self._config["budget"]
        return all(
            label in stops and stops[label]["budget"] == budget
            for label in map(label_of, self._config["strategies"])
        )

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *exception: object) -> None:
        self.journal.close()


def check_same_config(path: Path, header: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """ConfigError, naming the first key that differs, unless the run is one of this config."""
    if header.get("kind") != "study" or header.get("version") != VERSION:
        raise ConfigError(
            f"{path}: written by another version of hptjax (journal version "
            f"{header.get('version')}, this one writes {VERSION}); use another --out."
        )
    old, new = (_leaves(tree) for tree in (header["config"], config))
    for key in sorted(old.keys() | new.keys()):
        if key.split(".")[0] not in FREE_KEYS and old.get(key) != new.get(key):
            raise ConfigError(
                f"{path} holds a run of another config ({key} was {shown(old.get(key))}, now "
                f"{shown(new.get(key))}); use another --out, or the old config to resume."
            )


def recorded_config(path: Path) -> Mapping[str, Any] | None:
    """The config that binds whoever resumes the run of a directory; None where there is none."""
    journal = path / "journal.jsonl"
    records = read_journal(journal)[0] if journal.is_file() else []
    return records[0].get("config") if len(records) > 1 else None


def label_of(strategy: str | Mapping[str, Any]) -> str:
    """The label of an entry of the config's strategies."""
    return strategy if isinstance(strategy, str) else strategy.get("label", strategy["name"])


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= _leaves(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def load_run(path: str | Path) -> StudyResult:
    """The trials of a run, finished or not, from its journal. Raises: ConfigError, DataError."""
    journal = Path(path) / "journal.jsonl"
    if not journal.exists():
        raise ConfigError(f"{path}: not a run (it has no journal.jsonl).")
    records, _ = read_journal(journal)
    generations = tuple(
        GenerationRecord.from_dict(record) for record in records if record["kind"] == "generation"
    )
    stops = {r["strategy"]: r["reason"] for r in records if r["kind"] == "stop"}
    config = next((r["config"] for r in records if r["kind"] == "study"), {})
    return StudyResult(generations, stops, config)
