"""The files of a study's best trials: a network of each, and their ensemble."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hptjax.config.model import read_model
from hptjax.errors import ConfigError, DataError
from hptjax.models.ensemble import Ensemble
from hptjax.models.network import Network
from hptjax.models.network import load_network as trained_network
from hptjax.records.best import SUFFIX, SavedNetwork, load_network, save_network
from hptjax.records.files import replace_file
from hptjax.records.trial import TrialRecord, finite_or_none
from hptjax.search.ensemble import select
from hptjax.search.network import notes
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.metric import Metric

KEPT, ENSEMBLE = "kept", "ensemble.json"


class KeptNetworks:
    """A folder with a file `<strategy>-<number>.safetensors` for each of the best trials.

    A file is written before the journal names its trial, and is removed only after the journal has
    the better trials: a run that is killed in between has too many files, never too few. At the end
    of each strategy `ensemble.json` is written: {"members": {"tpe/57": 3}, "measures": {"loss":
    0.3}}, how often each network is in the ensemble, and its measures on the validation images.
    """

    def __init__(
        self,
        folder: Path,
        study: StudyConfig,
        data: StudyData,
        digests: Mapping[str, str],
        *,
        check: Callable[[], None] = lambda: None,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """check: raises if the run is no longer in its place; notify: takes lines for the user."""
        self._folder, self._study, self._data = folder, study, data
        self._digests, self._check, self._notify = digests, check, notify

    def keep(self, trial: TrialRecord, variables: Mapping[str, Any]) -> None:
        """Writes the network of a trial, whole or not at all."""
        assert trial.config is not None  # it was trained
        self._check()
        self._folder.mkdir(exist_ok=True)
        noted = notes(trial, self._study, self._digests, self._data.train.class_names)
        network = SavedNetwork(read_model(trial.config), dict(variables), noted)
        save_network(self._folder / file_name(trial), network)

    def only(self, trials: Sequence[TrialRecord]) -> None:
        """Removes the files of all trials except these; keeps the files of others.

        Also removes an ensemble with a removed trial; there is none until the next one is built.
        """
        wanted = set(map(file_name, trials))
        names = {f"{trial.strategy}/{trial.number}" for trial in trials}
        with suppress(OSError, DataError):  # its reader reports a damaged one
            if not set(ensemble_members(self._folder.parent) or ()) <= names:
                (self._folder / ENSEMBLE).unlink()
        for path in self._folder.glob(f"*-*{SUFFIX}*"):
            label, _, number = path.name.removesuffix(".new").removesuffix(SUFFIX).rpartition("-")
            own = label in self._study.labels and number.isdecimal()
            if own and path.name not in wanted:
                with suppress(OSError):  # the next generation tries again
                    path.unlink()

    def finish(self, trials: Sequence[TrialRecord], metric: Metric) -> None:
        """Writes the ensemble of these trials; notifies, but does not raise, if it cannot."""
        if not trials:
            return
        self._check()
        try:
            networks = [load_network(self._folder / file_name(trial)) for trial in trials]
        except DataError as error:
            self._notify(f"No ensemble: {error}")
            return
        found = select(networks, self._data.validation, metric, self._study.measures)
        names = [f"{trial.strategy}/{trial.number}" for trial in trials]
        counted = zip(names, found.counts, strict=True)
        tree = {
            "members": {name: count for name, count in counted if count},
            "measures": {name: finite_or_none(value) for name, value in found.measures.items()},
        }
        text = json.dumps(tree, indent=2, allow_nan=False) + "\n"
        replace_file(self._folder / ENSEMBLE, text.encode())


def keeper_of(
    study: StudyConfig, data: StudyData, folder: Path, digests: Mapping[str, str], **said: Any
) -> KeptNetworks | None:
    """The keeper of a study's best networks; None if the study keeps only the best one.

    said: check and notify, as in `KeptNetworks`.
    """
    return None if study.keep_best == 1 else KeptNetworks(folder, study, data, digests, **said)


def file_name(trial: TrialRecord) -> str:
    """The file name of a trial's network: `tpe-57.safetensors`."""
    return f"{trial.strategy}-{trial.number}{SUFFIX}"


def ensemble_members(run: Path) -> dict[str, float] | None:
    """{trial, such as `tpe/57`: how often it is in a run's ensemble}; None without an ensemble.

    Raises DataError for a damaged file.
    """
    path = run / KEPT / ENSEMBLE
    if not path.is_file():
        return None
    try:
        members = json.loads(path.read_text())["members"]
        return {str(name): float(count) for name, count in members.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read: {error!r}.") from None


def kept_ensemble(run: Path) -> Ensemble | None:
    """The ensemble of a run; None if it built none.

    Raises DataError if one of its files is damaged or missing.
    """
    members = ensemble_members(run)
    if members is None:
        return None
    return Ensemble([member_network(run, name) for name in members], list(members.values()))


def wanted_ensemble(run: Path) -> Ensemble:
    """The ensemble of a run, for an option; ConfigError if it built none."""
    found = kept_ensemble(run)
    if found is None:
        raise ConfigError(
            f"--ensemble: {run} is no run that built one; a study does, with keep_best above 1."
        )
    return found


def member_network(run: Path, name: str) -> Network:
    """The kept network of a trial, such as `tpe/57`; DataError if it is missing or damaged."""
    label, _, number = name.rpartition("/")
    return trained_network(run / KEPT / f"{label}-{number}{SUFFIX}")
