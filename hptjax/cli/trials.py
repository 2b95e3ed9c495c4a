"""Finds trials by the names that a user types."""

from pathlib import Path

from hptjax.errors import ConfigError
from hptjax.records.best import SUFFIX
from hptjax.records.trial import StudyResult, TrialRecord


def find_trial(result: StudyResult, name: str) -> TrialRecord:
    """The trial named des/12, or 12 if the run has one strategy; ConfigError if there is none."""
    label, slash, number = name.rpartition("/")
    labels = list(dict.fromkeys(trial.strategy for trial in result.trials))
    if not number.isdecimal():
        raise ConfigError(f"--trial {name}: must be STRATEGY/N or N, as in des/12.")
    if not slash and len(labels) > 1:
        choices = ", ".join(f"{label}/{number}" for label in labels)
        raise ConfigError(f"--trial {name}: this run has several strategies: {choices}.")
    own = [trial for trial in result.trials if trial.strategy == label or not slash]
    found = [trial for trial in own if trial.number == int(number)]
    if not found:
        held = ", ".join(
            f"{label}/0..{sum(trial.strategy == label for trial in result.trials) - 1}"
            for label in labels
        )
        raise ConfigError(f"--trial {name}: no such trial; this run holds {held or 'none yet'}.")
    return found[0]


def kept_path(run: Path, trial: TrialRecord) -> Path:
    """The file in which a run keeps the network of a trial, if it does, beside its best one."""
    return run / "kept" / f"{trial.strategy}-{trial.number}{SUFFIX}"
