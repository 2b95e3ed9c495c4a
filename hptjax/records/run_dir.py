"""The directory of a run: its files, and the check that a study may resume in it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hptjax.config.yaml_file import dump_yaml
from hptjax.errors import ConfigError, shown
from hptjax.records.files import replace_file
from hptjax.records.journal import Journal, read_journal
from hptjax.records.reader import (
    NAME,
    VERSION,
    BudgetRecord,
    RunRecords,
    checked_run,
    read_run,
)
from hptjax.records.trial import StudyResult

# Keys that may differ between the calls of one run.
FREE_KEYS = ("out", "tensorboard", "sinks", "budget", "executor")
CONFIG = "config.yaml"
FILES = (CONFIG, "environment.json", "trials.csv", "epochs.csv", "optuna.journal")
FOLDERS = ("best", "kept", "snapshots", "tb")
_NOTHING = object()  # stands for a key that one of two configs lacks


class RunDirectory:
    """A run's directory, open for writing: starts a new run or resumes the one in it.

    config: the resolved study as plain data. Raises ConfigError if the directory holds a run of
    another config or other files, or cannot be written; DataError for damage.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        try:
            _check_place(path)
            self.journal = Journal(path / NAME)
        except OSError as error:
            raise ConfigError(f"{path}: cannot write here: {error.strerror}.") from None
        try:
            self._begin(config)
        except OSError as error:
            self.journal.close()
            raise ConfigError(f"{path}: cannot write here: {error.strerror}.") from None
        except ConfigError:
            self.journal.close()
            raise

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        held = self.journal.records
        self._found = checked_run(self.path / NAME, held) if held else RunRecords()
        if self.resumed:
            check_same_config(self.path, held[0]["config"], config)
        else:
            self.journal.clear()  # a run that failed before its first result may be replaced
            self._found = RunRecords()
        replace_file(self.path / CONFIG, dump_yaml(self._config).encode())
        if not self.resumed:
            self.journal.append({"kind": "study", "version": VERSION, "config": self._config})
        elif self._found.budget != config["budget"]:
            self.journal.append(BudgetRecord(budget=config["budget"]).model_dump())

    @property
    def best(self) -> Path:
        return self.path / "best"

    @property
    def kept(self) -> Path:
        """The folder of the best trials' networks, if a study keeps several."""
        return self.path / "kept"

    @property
    def resumed(self) -> bool:
        """Whether the journal already held results."""
        return self._found.any_results

    @property
    def finished(self) -> bool:
        """Whether every strategy stopped under the budget of this config."""
        stops, budget = self._found.stops, self._config["budget"]
        return all(
            label in stops and stops[label].budget == budget
            for label in map(label_of, self._config["strategies"])
        )

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *exception: object) -> None:
        self.journal.close()


def _check_place(path: Path) -> None:
    """Raises ConfigError if a run cannot be here, or its files could not be written at the end."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ConfigError(f"{path}: must be a directory, it is a file; use another --out.")
    if any(path.iterdir()) and not (path / NAME).exists():
        raise ConfigError(f"{path}: not empty and not a run; use another --out.")
    for name in (NAME, *FILES):
        if (path / name).is_dir():
            raise ConfigError(f"{path / name}: must be a file, it is a directory; move it away.")
    for folder in (path / name for name in FOLDERS):
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder}: must be a directory, it is a file; move it away.")
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{folder}: cannot write here: Permission denied.")


def changed_parts(known: Mapping[str, str] | None, found: Mapping[str, str]) -> list[str]:
    """The parts of the data whose digests differ from the known ones."""
    return [part for part, digest in (known or {}).items() if found.get(part) != digest]


def check_digests(
    path: Path | str, known: Mapping[str, str] | None, found: Mapping[str, str], source: str
) -> None:
    """Raises ConfigError, which names the parts, if the images are not those of the run."""
    changed = changed_parts(known, found)
    if changed:
        raise ConfigError(
            f"{path}: the {' and '.join(changed)} images or labels of {source} are not those that "
            "this run was made with; restore them, or start a new run with another --out."
        )


def check_same_config(path: Path, known: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises ConfigError, which names the first key that differs, unless a run has this config."""
    old, new = (
        {key: value for key, value in tree.items() if key not in FREE_KEYS}
        for tree in (known, config)
    )
    for key, there, here in _differences(old, new):
        raise ConfigError(
            f"{path} holds another study ({key}: {there} there, {here} here); use another --out, "
            "or the old config to resume."
        )


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields each difference of two trees, in the order of the new one: dotted key, both values.

    Lists of equal length are compared item by item; mappings that share a key, key by key.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping) and (old.keys() & new.keys()):
        for key in dict.fromkeys([*new, *old]):
            yield from _differences(old.get(key, _NOTHING), new.get(key, _NOTHING), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for k, items in enumerate(zip(old, new, strict=True)):
            yield from _differences(*items, f"{path}.{k}")
    elif old != new:
        there, here = ("nothing" if own is _NOTHING else shown(own) for own in (old, new))
        yield path.removeprefix("."), there, here


def recorded_config(path: Path) -> Mapping[str, Any] | None:
    """The config that a resumed run must have; None if the directory holds no results."""
    journal = path / NAME
    records = read_journal(journal)[0] if journal.is_file() else []
    found = checked_run(journal, records) if records else RunRecords()
    return found.config if found.any_results else None


def label_of(strategy: str | Mapping[str, Any]) -> str:
    """The label of a strategy in the config."""
    return strategy if isinstance(strategy, str) else strategy.get("label", strategy["name"])


def load_run(path: str | Path) -> StudyResult:
    """Reads the trials of a run, finished or not; raises ConfigError or DataError."""
    found = read_run(path)
    stops = {label: stop.reason for label, stop in found.stops.items()}
    return StudyResult(found.generations, stops, found.config)
