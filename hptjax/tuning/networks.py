"""The trained networks of a run: those that it kept, and others that are trained again."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError
from hptjax.models.network import Network, load_network
from hptjax.records.best import CONFIG, SUFFIX, SavedNetwork, save_network
from hptjax.records.reader import read_run
from hptjax.records.run_dir import changed_parts
from hptjax.records.trial import TrialRecord
from hptjax.search.kept import KEPT
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, data_digests

BEST = "best"


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


def check_images(folder: Path, images: StudyData) -> None:
    """ConfigError where these are not the images that the run in a folder was made with."""
    changed = changed_parts(read_run(folder).data, data_digests(images))
    if changed:
        raise ConfigError(
            f"retrain: the {' and '.join(changed)} images or labels are not those that the run was "
            "made with; give the same again, those for validation too where they were given, as in "
            "data=hptjax.StudyData(train, validation)."
        )


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
