"""The records of a study: what the journal holds, one generation to a line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class TrialRecord:
    """One candidate and what became of it.

    number counts within its strategy; key is what its random keys derive from. genotype is its
    point in the unit cube, hparams its decoding, config the repaired network that was trained (None
    if infeasible, and `infeasible` says why), changes what the repair did. value is what the
    strategy was told, epochs the metrics [epochs] by name; in both None means not finite.
    """

    strategy: str
    number: int
    key: int
    genotype: tuple[float, ...]
    hparams: Mapping[str, Any]
    config: Mapping[str, Any] | None = None
    changes: tuple[str, ...] = ()
    infeasible: str | None = None
    value: float | None = None
    epochs: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    def last(self, metric: str) -> float | None:
        """A metric after the last epoch, None if not trained or not finite."""
        curve = self.epochs.get(metric, ())
        return curve[-1] if curve else None


@dataclass(frozen=True)
class GenerationRecord:
    """One call of the trainer: its trials, and the ledger of what it cost."""

    strategy: str
    generation: int
    trials: tuple[TrialRecord, ...]
    ledger: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "generation", **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "GenerationRecord":
        trials = tuple(_trial_from_dict(trial) for trial in record["trials"])
        return cls(record["strategy"], record["generation"], trials, record["ledger"])


def _trial_from_dict(trial: Mapping[str, Any]) -> TrialRecord:
    return TrialRecord(
        **{
            **trial,
            "genotype": tuple(trial["genotype"]),
            "changes": tuple(trial["changes"]),
            "epochs": {name: tuple(curve) for name, curve in trial["epochs"].items()},
        }
    )


@dataclass(frozen=True)
class StudyResult:
    """All generations in the order they were made, and why each strategy stopped."""

    generations: tuple[GenerationRecord, ...]
    stops: Mapping[str, str]

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        return tuple(trial for record in self.generations for trial in record.trials)

    @property
    def best(self) -> TrialRecord | None:
        """The trial of lowest finite value, the earlier of equals; None if all failed."""
        finite = [trial for trial in self.trials if trial.value is not None]
        return min(finite, key=lambda trial: trial.value) if finite else None  # pyright: ignore


def finite_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def values_of(trials: Sequence[TrialRecord]) -> list[float]:
    """What a strategy is told of these trials, NaN = failed."""
    return [math.nan if trial.value is None else trial.value for trial in trials]
