"""The directory of a run: its files, and whether a study may go on in it."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from hptjax.errors import ConfigError
from hptjax.records.journal import Journal, read_journal
from hptjax.study.trial import GenerationRecord, StudyResult

VERSION = 1
FREE_KEYS = ("out",)  # may differ between the calls of one run


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
        header = {"kind": "study", "version": VERSION, "config": dict(config)}
        if self.resumed:
            check_same_config(self.path, self.journal.records[0], config)
            return
        self.journal.clear()  # a run that failed before its first result binds nobody
        (self.path / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))
        self.journal.append(header)

    @property
    def best(self) -> Path:
        return self.path / "best"

    @property
    def resumed(self) -> bool:
        """Whether the journal already held results."""
        return len(self.journal.records) > 1

    def finish(self) -> None:
        """Marks the run as complete."""
        if not any(record["kind"] == "end" for record in self.journal.records):
            self.journal.append({"kind": "end"})

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        if key not in FREE_KEYS and old.get(key) != new.get(key):
            raise ConfigError(
                f"{path} holds a run of another config ({key} was {old.get(key)!r}, now "
                f"{new.get(key)!r}); use another --out, or the old config to resume."
            )


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
    return StudyResult(generations, stops)


def is_finished(path: Path) -> bool:
    """Whether a run was completed there."""
    journal = path / "journal.jsonl"
    return journal.exists() and any(r["kind"] == "end" for r in read_journal(journal)[0])
