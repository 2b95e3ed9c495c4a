"""The records of a study; the journal has one generation in a line."""

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
    """The outcome of a trial."""

    TRAINED = "trained"  # as long as its generation lasted
    STOPPED = "stopped"  # by the schedule, before the others of its generation
    DIVERGED = "diverged"  # a loss was not finite
    INFEASIBLE = "infeasible"  # no network can be built
    LOST = "lost"  # with the worker that trained it


COUNTED = (Status.TRAINED,)  # may be the best: a stopped trial's value is of fewer epochs
OPTIONAL = ("epoch", "objectives")  # keys of a record that are written only if not empty
FAILED = (Status.DIVERGED, Status.INFEASIBLE, Status.LOST)  # these have no value


@dataclass(frozen=True)
class TrialRecord:
    """One candidate and its results.

    number counts within the strategy. The random keys of the trial derive from key. genotype is its
    point in the unit cube, hparams the decoded active hparams, config the repaired network (None if
    infeasible), changes the changes that repair made. reason says why the trial was not trained to
    the end; a trial that ran out of patience counts as trained. epoch, from 1, is the judged epoch
    if the study judges by the best one; otherwise None, as for a trial without a value. epochs are
    the metrics [epochs] by name, spread their standard deviations if the candidate was trained more
    than once; None in a curve means not finite. value is the study's metric. told is the fitness,
    the number that the strategy was told, where lower is always better: the value itself or, if the
    metric is maximised, its negative (for val_accuracy, one minus the value). A trial that the
    schedule stopped never has a better fitness than one that outlived it. value and told are None
    for a failed trial. network: of several repetitions only the first network is kept, and these
    are its metrics after the judged epoch; empty without repetitions. duplicate_of: the number of
    an earlier trial of the same network. reused: whether the trial was not trained but took the
    results and the key of that earlier one. objectives: the values of the further objectives of a
    study.
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
        """Whether networks were trained for this trial itself."""
        return self.config is not None and not self.reused

    @property
    def age(self) -> int:
        """The number of epochs that it was trained."""
        return len(self.epochs.get("val_loss", ()))

    def last(self, metric: str) -> float | None:
        """A metric after the last epoch; None if not trained or not finite."""
        curve = self.epochs.get(metric, ())
        return curve[-1] if curve else None

    @property
    def judged_epoch(self) -> int:
        """The epoch, from 1, that the trial is judged by; 0 if it was not trained."""
        return self.age if self.epoch is None else self.epoch

    def judged(self, metric: str) -> float | None:
        """A metric after the judged epoch; None if not trained or not finite."""
        curve = self.epochs.get(metric, ())
        return curve[self.judged_epoch - 1] if curve else None

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, without the OPTIONAL keys that are empty."""
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
    """The trials that a searcher asked for together, and the ledger of their costs.

    cut: the budget that ended the training before the schedule did; usually None. asked: how many
    proposals the searcher was asked for; it may give fewer. evaluations: how many trials the
    searcher could expect when it began; None if unknown.
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
    """All generations in their order, and why each strategy stopped.

    config: the study's config, as plain data.
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
        """The goals of all objectives; the goal of the metric comes first."""
        return goals_of_config(self.config)

    @property
    def best(self) -> TrialRecord | None:
        """The best trained trial, the earlier of equals; None if there is none."""
        return best_trial(self.trials)


def rank_trials(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Ranks trials, best first: trained ones, then those that the schedule stopped, then failed.

    Trials of one status are ranked by `told`, where lower is better for every metric. Equal trials
    keep their order.
    """

    def key(trial: TrialRecord) -> tuple[int, float]:
        if trial.told is None:
            return 2, 0.0
        return (0 if trial.status in COUNTED else 1), trial.told

    return sorted(trials, key=key)


def best_trial(trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """The best trained trial, the earlier of equals; None if there is none.

    "Best" means this everywhere: on the screen, in the tables, for the network that is kept. Only
    the first trial of a network counts, so that no luck of repeated training decides.
    """
    return next(iter(best_trials(trials, 1)), None)


def best_trials(trials: Iterable[TrialRecord], most: int) -> list[TrialRecord]:
    """The `most` best trained trials, best first; "best" as in `best_trial`."""
    return rank_trials(filter(may_be_best, trials))[:most]


def may_be_best(trial: TrialRecord) -> bool:
    """Whether a trial was trained, has a value and is the first of its network."""
    return trial.status in COUNTED and trial.told is not None and trial.duplicate_of is None


def best_value(trials: Iterable[TrialRecord]) -> float | None:
    """The value of the best trial; None if there is none."""
    best = best_trial(trials)
    return None if best is None else best.value


def metrics_of(trials: Iterable[TrialRecord]) -> tuple[str, ...]:
    """The names of the trials' metrics; those of a classification if no trial was trained."""
    return in_order({name for trial in trials for name in trial.epochs} or CLASSIFICATION)


def copies_of(trials: Iterable[TrialRecord]) -> dict[tuple[str, int], list[TrialRecord]]:
    """{(strategy, number): the later trials of the same network}."""
    copies: dict[tuple[str, int], list[TrialRecord]] = {}
    for trial in trials:
        if trial.duplicate_of is not None:
            copies.setdefault((trial.strategy, trial.duplicate_of), []).append(trial)
    return copies


def finite_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def told_values(trials: Sequence[TrialRecord]) -> list[float]:
    """The fitness of these trials, NaN for a failed one."""
    return [math.nan if trial.told is None else trial.told for trial in trials]
