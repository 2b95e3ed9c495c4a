"""The trained networks of a run: those that it kept, and others that are trained again."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError, DataError
from hptjax.models.ensemble import Ensemble
from hptjax.models.network import Network, load_network
from hptjax.records.best import CONFIG, SUFFIX, SavedNetwork, save_network
from hptjax.records.trial import TrialRecord
from hptjax.search.kept import ENSEMBLE
from hptjax.study.config import StudyConfig

BEST, KEPT = "best", "kept"


def kept_network(folder: Path, trial: TrialRecord) -> Network | None:
    """The network of a trial, if its run kept the weights; raises DataError for damaged files.

    folder: of the run: the best network is in its best/, further ones are files of kept/.
    """
    number = trial.duplicate_of if trial.reused else trial.number
    name = (trial.strategy, number)
    if _noted_in(folder / BEST / CONFIG) == name:
        return load_network(folder)
    path = folder / KEPT / f"{trial.strategy}-{number}{SUFFIX}"
    return load_network(path) if path.is_file() else None


def kept_ensemble(folder: Path) -> Ensemble | None:
    """The networks of a run that predict together; None where it built no ensemble.

    Raises: DataError where a file of it is damaged or missing.
    """
    path = folder / KEPT / ENSEMBLE
    if not path.is_file():
        return None
    try:
        members: dict[str, float] = json.loads(path.read_text())["members"]
        names = [name.rpartition("/") for name in members]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read: {error!r}.") from None
    files = [folder / KEPT / f"{label}-{number}{SUFFIX}" for label, _, number in names]
    return Ensemble([load_network(file) for file in files], list(members.values()))


def _noted_in(config: Path) -> tuple[Any, Any] | None:
    """Whose weights lie beside a config: strategy and number; None where there is none."""
    try:
        noted: Any = read_yaml(config).get("trial", {})
    except ConfigError:
        return None
    return (noted.get("strategy"), noted.get("number")) if isinstance(noted, Mapping) else None


def as_network(saved: SavedNetwork) -> Network:
    """A network in memory, read as one from a file is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{SUFFIX}"
        save_network(path, saved)
        return load_network(path)


def study_of(config: Mapping[str, Any]) -> StudyConfig:
    """The study of a run, for training one of its networks: the same bodies are compiled for it.

    How many searched decides on those, and who does not: a caller's own need not be importable.
    """
    labels = [f"searcher{k}" for k in range(len(config["strategies"]))]
    others = {
        "strategies": [{"name": "random", "label": label} for label in labels],
        "sinks": [],
        "first": [],
        "warm_start": None,
    }
    return StudyConfig.from_dict({**config, **others})
