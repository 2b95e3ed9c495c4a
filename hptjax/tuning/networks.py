"""The trained networks of a run: kept ones, and ones that are trained again."""

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

    folder: the run's directory; the best network is in best/, further ones are files in kept/.
    """
    number = trial.duplicate_of if trial.reused else trial.number
    name = (trial.strategy, number)
    if _noted_in(folder / BEST / CONFIG) == name:
        return load_network(folder)
    path = folder / KEPT / f"{trial.strategy}-{number}{SUFFIX}"
    return load_network(path) if path.is_file() else None


def _noted_in(config: Path) -> tuple[Any, Any] | None:
    """Strategy and number of the trial whose weights lie beside a config; None without a trial."""
    try:
        noted: Any = read_yaml(config).get("trial", {})
    except ConfigError:
        return None
    return (noted.get("strategy"), noted.get("number")) if isinstance(noted, Mapping) else None


def as_network(saved: SavedNetwork) -> Network:
    """A network in memory, in the form of one that is loaded from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{SUFFIX}"
        save_network(path, saved)
        return load_network(path)


def check_images(folder: Path, images: StudyData) -> None:
    """Raises ConfigError if these are not the images of the run in the folder."""
    changed = changed_parts(read_run(folder).data, data_digests(images))
    if changed:
        raise ConfigError(
            f"retrain: the {' and '.join(changed)} images or labels are not those that the run was "
            "made with; give the same again, those for validation too where they were given, as in "
            "data=hptjax.StudyData(train, validation)."
        )


def study_of(config: Mapping[str, Any]) -> StudyConfig:
    """The study of a run, for training one of its networks with the same compiled bodies.

    The bodies depend on the number of strategies, but not on which: these are replaced, for a
    caller's own searcher may not be importable.
    """
    labels = [f"searcher{k}" for k in range(len(config["strategies"]))]
    others = {
        "strategies": [{"name": "random", "label": label} for label in labels],
        "sinks": [],
        "first": [],
        "warm_start": None,
    }
    return StudyConfig.from_dict({**config, **others})
