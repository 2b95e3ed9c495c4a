"""The records of a study: what the journal holds, one generation to a line."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from hptjax.records.change import Change
from hptjax.records.goal import Goal, goal_of_config, goals_of_config
from hptjax.records.metrics import CLASSIFICATION, in_order

Curves = Mapping[str, tuple[float | None, ...]]


class Status(StrEnum):
    """What became of a trial."""

    TRAINED = "trained"  # for as long as its generation lasted
    STOPPED = "stopped"  # by the schedule, before the others of its generation
    DIVERGED = "diverged"  # a loss was not finite
    INFEASIBLE = "infeasible"  # no network can be built
    LOST = "lost"  # with the worker that trained it


COUNTED = (Status.TRAINED,)  # they may be the best: a stopped one's value is of fewer epochs
OPTIONAL = (
    "epoch",
    "objectives",
)  # keys of a record that are written only where they say something
FAILED = (Status.DIVERGED, Status.INFEASIBLE, Status.LOST)  # they have no value


@dataclass(frozen=True)
class TrialRecord:
    """One candidate and what became of it.

    number counts within its strategy; key is what its random keys derive from. genotype is its
    point in the unit cube, hparams its decoding without the options of parts that are not chosen,
    config the repaired network that was trained (None if infeasible), changes what the repair did.
    reason says why a trial was not trained to the end; one that ran out of patience counts as
    trained. epoch, from 1, is the one that it is judged by, where the study says that the best one
    is it; None where the last one is, and of a trial without a value.
    epochs are the metrics [epochs] by name, spread their standard deviations where a candidate was
    trained more than once; in both None means not finite. value is the metric that the study asks
    for, as people see it; told is what the strategy was told instead, lower is always better: of a
    trained trial the value itself or, where it is maximised, its negative (val_accuracy: one minus
    it), of one that the schedule stopped never better than of one that outlived it. Both are None
    for a trial that failed. network: the metrics after the judged epoch of the one network that is
    kept of a trial, the first of its repetitions; empty where there is but one. duplicate_of:
    number of an earlier trial of the same network; reused: whether that one's results and key are
    this one's too, which was not trained. objectives: what it came to beside
    its value, as people see it, where a study has several.
    """

    strategy: str
    number: int
    key: int
    genotype: tuple[float, ...]
    hparams: Mapping[str, Any]
    config: Mapping[str, Any] | None = None
    changes: tuple[Change, ...] = ()
    status: Status = Status.TRAINED
    reason: str | None = None
    value: float | None = None
    told: float | None = None
    epochs: Curves = field(default_factory=dict)
    spread: Curves = field(default_factory=dict)
    network: Mapping[str, float | None] = field(default_factory=dict)
    duplicate_of: int | None = None
    reused: bool = False
    epoch: int | None = None
    objectives: Mapping[str, float | None] = field(default_factory=dict)

    def __repr__(self) -> str:
        value = "no value" if self.value is None else f"value {self.value:.4f}"
        return (
            f"TrialRecord({self.strategy}/{self.number} {self.status.value}: {value}, "
            f"{self.age} epochs, {len(self.hparams)} hparams)"
        )

    @property
    def was_trained(self) -> bool:
        """Whether networks were trained for it, and not for another of the same network."""
        return self.config is not None and not self.reused

    @property
    def age(self) -> int:
        """Epochs that it was trained."""
        return len(self.epochs.get("val_loss", ()))

    def last(self, metric: str) -> float | None:
        """A metric after the last epoch, None if not trained or not finite."""
        curve = self.epochs.get(metric, ())
        return curve[-1] if curve else None

    @property
    def judged_epoch(self) -> int:
        """The epoch, from 1, that the trial is judged by; 0 of one that was not trained."""
        return self.age if self.epoch is None else self.epoch

    def judged(self, metric: str) -> float | None:
        """A metric after the epoch that the trial is judged by; None as of `last`."""
        curve = self.epochs.get(metric, ())
        return curve[self.judged_epoch - 1] if curve else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; OPTIONAL keys are left out where they say nothing."""
        tree = asdict(self)
        for key in OPTIONAL:
            if not tree[key]:
                del tree[key]
        return tree

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "TrialRecord":
        curves = {
            key: {name: tuple(curve) for name, curve in tree[key].items()}
            for key in ("epochs", "spread")
        }
        return cls(
            **{
                **tree,
                **curves,
                "genotype": tuple(tree["genotype"]),
                "changes": tuple(Change.from_dict(change) for change in tree["changes"]),
                "status": Status(tree["status"]),
            }
        )


@dataclass(frozen=True)
class GenerationRecord:
    """The trials that were asked for together, and the ledger of what they cost.

    cut: the budget that ended the training before the schedule did, None as a rule. asked: how many
    proposals the searcher was asked for, which may have given fewer. evaluations: how many it could
    count on when it began, None: unknown.
    """

    strategy: str
    generation: int
    trials: tuple[TrialRecord, ...]
    ledger: Mapping[str, float]
    cut: str | None = None
    asked: int = 0
    evaluations: int | None = None

    def __repr__(self) -> str:
        return f"GenerationRecord({self.strategy} {self.generation}: {len(self.trials)} trials)"

    def to_dict(self) -> dict[str, Any]:
        tree = {f.name: getattr(self, f.name) for f in fields(self)}
        trials = tuple(trial.to_dict() for trial in self.trials)
        return {"kind": "generation", **tree, "ledger": dict(self.ledger), "trials": trials}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "GenerationRecord":
        return cls(
            strategy=record["strategy"],
            generation=record["generation"],
            trials=tuple(TrialRecord.from_dict(trial) for trial in record["trials"]),
            ledger=record["ledger"],
            cut=record["cut"],
            asked=record["asked"],
            evaluations=record["evaluations"],
        )

    @property
    def best(self) -> TrialRecord | None:
        return best_trial(self.trials)


@dataclass(frozen=True)
class StudyResult:
    """All generations in the order they were made, and why each strategy stopped.

    config: of the study, as plain data.
    """

    generations: tuple[GenerationRecord, ...]
    stops: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = Counter(trial.status for trial in self.trials)
        told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
        best = self.best
        if best is None:
            return f"StudyResult({len(self.trials)} trials: {told or 'none yet'})"
        return (
            f"StudyResult({len(self.trials)} trials: {told}; best {best.strategy}/{best.number}: "
            f"{self.goal.name} {best.value:.4f})"
        )

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        return tuple(trial for record in self.generations for trial in record.trials)

    @property
    def goal(self) -> Goal:
        """The metric that trials are judged by, and its direction."""
        return goal_of_config(self.config)

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Those of all objectives, that of the metric first."""
        return goals_of_config(self.config)

    @property
    def best(self) -> TrialRecord | None:
        """The best trained trial, the earlier of equals; None if there is none."""
        return best_trial(self.trials)


def rank_trials(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Best first: trained ones, then those that the schedule stopped, failed ones last.

    Within these by what was told, which is lower for the better one whatever the metric. Equal ones
    stay as they came.
    """

    def key(trial: TrialRecord) -> tuple[int, float]:
        if trial.told is None:
            return 2, 0.0
        return (0 if trial.status in COUNTED else 1), trial.told

    return sorted(trials, key=key)


def best_trial(trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """The best trained trial, the earlier of equals; None if there is none.

    "Best" means this everywhere: on the screen, in the tables, of the network that is kept. A
    network that was trained several times has the value of the first: it is not the luckiest's.
    """
    return next(iter(best_trials(trials, 1)), None)


def best_trials(trials: Iterable[TrialRecord], most: int) -> list[TrialRecord]:
    """The best trained trials, at most so many, best first; as `best_trial` has them."""
    return rank_trials(filter(may_be_best, trials))[:most]


def may_be_best(trial: TrialRecord) -> bool:
    """Whether a trial was trained, has a value and is the first of its network."""
    return trial.status in COUNTED and trial.told is not None and trial.duplicate_of is None


def best_value(trials: Iterable[TrialRecord]) -> float | None:
    """The value of the best trial, None if there is none."""
    best = best_trial(trials)
    return None if best is None else best.value


def metrics_of(trials: Iterable[TrialRecord]) -> tuple[str, ...]:
    """The names of the trials' metrics; those of a classification where none was trained."""
    return in_order({name for trial in trials for name in trial.epochs} or CLASSIFICATION)


def copies_of(trials: Iterable[TrialRecord]) -> dict[tuple[str, int], list[TrialRecord]]:
    """By strategy and number, the later trials of the same network."""
    copies: dict[tuple[str, int], list[TrialRecord]] = {}
    for trial in trials:
        if trial.duplicate_of is not None:
            copies.setdefault((trial.strategy, trial.duplicate_of), []).append(trial)
    return copies


def finite_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def told_values(trials: Sequence[TrialRecord]) -> list[float]:
    """What a strategy is told of these trials, NaN = failed."""
    return [math.nan if trial.told is None else trial.told for trial in trials]
