"""One generation in training: the trials still alive, their curves and their outcomes."""

import math
import zlib
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.executors.base import Resident
from hptjax.glossary import Hparams
from hptjax.population.pack import Member
from hptjax.population.resident import Cost
from hptjax.records.metrics import in_order, is_metric
from hptjax.records.trial import Status, TrialRecord, finite_or_none
from hptjax.search.judging import Judging
from hptjax.search.spared import Spared
from hptjax.strategies.base import Proposal
from hptjax.study.budget import SECONDS, Meter
from hptjax.study.metric import Metric
from hptjax.study.objectives import Objective
from hptjax.study.schedule import Step
from hptjax.transpile.repair import Candidate

OnEpoch = Callable[[int, Mapping[str, np.ndarray]], None]

PAIRED_KEY = zlib.crc32(b"paired") & 0x7FFFFFFF  # of every trial of a study with paired keys


def trial_key(label: str, number: int, *, paired: bool = False) -> int:
    """The number, below 2^31, from which a trial's random keys derive.

    It depends only on the strategy's label and the trial's number: a strategy has the same history
    alone as beside others. All paired trials share one key.
    """
    if paired:
        return PAIRED_KEY
    return (zlib.crc32(label.encode()) & 0x7F) << 24 | number


def repeat_key(key: int, repeat: int) -> int:
    """The key, below 2^32, of a repetition of a trial; the first repetition has the trial's key."""
    return key if repeat == 0 else zlib.crc32(f"{key}/{repeat}".encode())


@dataclass
class Track:
    """The results of one trial while its generation is trained: means over its repetitions.

    best, top: the best epoch so far, from 1, and its value, if the study needs them. network: the
    metrics of the first repetition after the judged epoch.
    """

    status: Status = Status.TRAINED
    reason: str | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)
    spread: dict[str, list[float]] = field(default_factory=dict)
    network: dict[str, float] = field(default_factory=dict)
    best: int = 0
    top: float | None = None
    _last: dict[str, float] = field(default_factory=dict)

    def add(self, epoch: Mapping[str, np.ndarray]) -> None:
        """Adds the metrics {name: [repeats]} of one epoch."""
        for name in in_order(epoch):
            values = np.asarray(epoch[name], np.float64)
            deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            self.curves.setdefault(name, []).append(float(values.mean()))
            self.spread.setdefault(name, []).append(deviation)
            self._last[name] = float(values[0])
        failed = int(np.sum(~np.isfinite([epoch["train_loss"], epoch["val_loss"]]).all(0)))
        if failed:
            age, count = self.age, len(epoch["val_loss"])
            who = f"{failed} of {count} repetitions: " if count > 1 else ""
            self.end(Status.DIVERGED, f"{who}loss not finite after epoch {age}")

    def judge(self, judging: Judging) -> bool:
        """Whether the last epoch is the best so far; updates best, top and network."""
        value = self._latest(judging.metric) if judging.watches else math.nan
        improved = math.isfinite(value) and judging.better(value, self.top)
        if improved:
            self.best, self.top = self.age, value
        if improved or not judging.by_best:
            self.network = dict(self._last)
        return improved

    @property
    def age(self) -> int:
        """The number of epochs that it was trained."""
        return len(self.curves.get("val_loss", ()))

    @property
    def is_over(self) -> bool:
        """Whether the trial ended before its generation."""
        return self.reason is not None

    def end(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason

    def value(self, judging: Judging) -> float:
        """The value after the judged epoch; NaN if none was finite."""
        if judging.by_best:
            return math.nan if self.top is None else self.top
        return self._latest(judging.metric)

    def _latest(self, metric: Metric) -> float:
        return metric({name: np.array(curve) for name, curve in self.curves.items()})

    def objectives(
        self,
        objectives: Sequence[Objective],
        config: AnyModel,
        value: float | None,
        epoch: int | None,
    ) -> dict[str, float | None]:
        """The further objectives, if it has a value; epoch: the judged one, None: the last."""
        if value is None:
            return {}
        curves = {name: np.array(curve[:epoch]) for name, curve in self.curves.items()}
        return {own.goal.name: finite_or_none(own.value(curves, config)) for own in objectives}


class Generation:
    """Trials that are trained together: they share the images of each epoch, and their age."""

    def __init__(
        self, trials: int, repeats: int, judging: Judging, spared: Spared | None = None
    ) -> None:
        """spared: takes the weights of trials that run out of patience; None if not needed."""
        self.tracks = [Track() for _ in range(trials)]
        self.alive = list(range(trials))
        self.age, self.cost, self.member_epochs, self.workers = 0, Cost(), 0, 1
        self.cut: str | None = None
        self.members = trials * repeats
        self._repeats, self._judging, self._spared = repeats, judging, spared
        self._resident = list(range(trials))

    def train(
        self,
        population: Resident,
        decide: Callable[[int, Mapping[int, float]], Step | None],
        meter: Meter,
        on_epoch: OnEpoch,
    ) -> None:
        """Trains as the schedule decides, until it ends, a budget ends, or no trial is left.

        population: the members of the trials; the repetitions of a trial stand side by side.
        """
        while self.alive and (step := decide(self.age, self._values())):
            for trial in set(self.alive) - set(step.trials):
                reason = f"stopped by the schedule after epoch {self.age}"
                self.tracks[trial].end(Status.STOPPED, reason)
            self.alive = list(step.trials)
            for _ in range(step.epochs):
                if self.alive and not self._epoch(population, meter, on_epoch):
                    return

    def _epoch(self, population: Resident, meter: Meter, on_epoch: OnEpoch) -> bool:
        """Trains an epoch; False if a budget left no room. Diverged and lost trials end then."""
        members = len(self.alive) * self._repeats
        self.cut = meter.too_little_for(self.member_epochs + members)
        if self.cut is not None:
            return False
        self._let_go(population)
        outcome = population.advance(1, seconds=meter.seconds_left())
        self.cost += outcome.cost
        self.workers = max(self.workers, outcome.workers)
        if not outcome.epochs:
            self.cut = SECONDS
            return False
        metrics = {name: curve[0] for name, curve in outcome.curves.items() if is_metric(name)}
        by_trial = {name: row.reshape(-1, self._repeats) for name, row in metrics.items()}
        lost = {place // self._repeats: reason for place, reason in outcome.lost.items()}
        for k, trial in enumerate(self.alive):
            if k in lost:
                self.tracks[trial].end(Status.LOST, lost[k])
            else:
                self.tracks[trial].add({name: rows[k] for name, rows in by_trial.items()})
        self.member_epochs += members
        self.age += 1
        self._judge(population)
        self.alive = [t for t in self.alive if not self.tracks[t].is_over]
        if self.age == 1:
            self._values()  # refuses a metric that returns no number before training more
        on_epoch(self.age, metrics)
        return True

    def _judge(self, population: Resident) -> None:
        """Marks trials whose last epoch is their best; ends trials that are out of patience."""
        judging = self._judging
        going = [trial for trial in self.alive if not self.tracks[trial].is_over]
        improved = [trial for trial in going if self.tracks[trial].judge(judging)]
        if judging.by_best and improved:
            first = map(self.place_of, improved)
            population.mark([place + r for place in first for r in range(self._repeats)])
        for trial in going:
            if judging.out_of_patience(self.age, self.tracks[trial].best):
                why = f"no improvement in {judging.patience} epochs, after epoch {self.age}"
                self.tracks[trial].end(Status.TRAINED, why)

    def _let_go(self, population: Resident) -> None:
        if self.alive != self._resident:
            self._spare(population)
            places = [self._resident.index(trial) for trial in self.alive]
            population.keep([p * self._repeats + r for p in places for r in range(self._repeats)])
            self._resident = list(self.alive)

    def _spare(self, population: Resident) -> None:
        """Keeps the weights of trials that are dropped but may be among the best."""
        gone = set(self._resident) - set(self.alive)
        if self._spared is None:
            return
        for told, trial in sorted((self._told(trial), trial) for trial in gone):
            if math.isfinite(told) and self._spared.wants(told, trial):
                self._spared.take(told, trial, self._weights(trial, population))

    def _told(self, trial: int) -> float:
        """The fitness of a trial that may be the best; infinity for other trials."""
        track = self.tracks[trial]
        value = track.value(self._judging) if track.status is Status.TRAINED else math.nan
        return self._judging.metric.loss(value) if math.isfinite(value) else math.inf

    def weights(self, trial: int, population: Resident) -> Mapping[str, Any]:
        """The weights that are kept of a trial: of its first repetition, at the judged epoch."""
        if self._spared is not None and trial in self._spared.weights:
            return self._spared.weights[trial]
        return self._weights(trial, population)

    def _weights(self, trial: int, population: Resident) -> Mapping[str, Any]:
        place = self.place_of(trial)
        if self._judging.by_best:
            return population.weights(place, marked=True)
        return population.weights(place)

    def place_of(self, trial: int) -> int:
        """The place of a trial's first member in the present population."""
        return self._resident.index(trial) * self._repeats

    def _values(self) -> dict[int, float]:
        """The values for the schedule; lower is better, and NaN of a user's metric is the worst."""
        if self.age == 0:
            return dict.fromkeys(self.alive, 0.0)
        values = {trial: self.tracks[trial].value(self._judging) for trial in self.alive}
        return {
            trial: self._judging.metric.loss(value) if math.isfinite(value) else math.inf
            for trial, value in values.items()
        }

    def values(self) -> list[float | None]:
        """The value of each trial, by the metric; None if it failed."""
        return [
            finite_or_none(track.value(self._judging))
            if track.status in (Status.TRAINED, Status.STOPPED) and track.age
            else None
            for track in self.tracks
        ]

    def no_value(self, track: Track, value: float | None) -> str | None:
        """Why a fully trained trial has no value; None if it has one."""
        if value is not None or track.status is not Status.TRAINED:
            return None
        when = "any epoch" if self._judging.by_best else f"epoch {track.age}"
        return f"{self._judging.metric.name} is not a finite number after {when}"

    def told(self) -> list[float | None]:
        """The fitness of each trial: a stopped one is never better than one trained longer.

        Trials that were stopped together are shifted together, which keeps their order and
        distances. A trial that ran out of patience was not compared with others, and is not
        shifted.
        """
        loss, values = self._judging.metric.loss, self.values()
        told = {k: loss(value) for k, value in enumerate(values) if value is not None}
        floor = -math.inf
        ages = [track.age for track in self.tracks]
        for age in sorted(set(ages), reverse=True):
            here = [k for k in told if ages[k] == age]
            stopped = [k for k in here if self.tracks[k].status is Status.STOPPED]
            shift = max(0.0, floor - min((told[k] for k in stopped), default=math.inf))
            told |= {k: told[k] + shift for k in stopped}
            floor = max([floor, *(told[k] for k in here)])
        return [told.get(k) for k in range(len(values))]

    def epochs(self) -> list[int | None]:
        """The judged epoch of each trial, from 1, if the study judges by the best epoch."""
        values = self.values() if self._judging.by_best else [None] * len(self.tracks)
        return [
            None if value is None else track.best
            for value, track in zip(values, self.tracks, strict=True)
        ]


def members_of(
    label: str,
    first: int,
    candidates: Sequence[Candidate],
    repeats: int,
    copies: Container[int] = (),
    *,
    paired: bool = False,
) -> list[Member]:
    """The members of the candidates that can be built; repetitions stand side by side.

    copies: places of candidates that are not trained, because another one has the same network.
    paired: as in `trial_key`.
    """
    return [
        Member(candidate.config, repeat_key(trial_key(label, first + place, paired=paired), repeat))
        for place, candidate in enumerate(candidates)
        if candidate.config is not None and place not in copies
        for repeat in range(repeats)
    ]


def trial_records(
    label: str,
    first: int,
    proposals: Sequence[Proposal],
    candidates: Sequence[Candidate],
    active: Callable[[Hparams], Hparams],
    generation: Generation,
    repeats: int,
    copies: Container[int] = (),
    *,
    paired: bool = False,
    objectives: Sequence[Objective] = (),
) -> list[TrialRecord]:
    """The records of a generation; first: the number of its first trial.

    active: returns the active hparams of a proposal. copies, paired: as in `members_of`; the
    records of copies hold no results yet.
    """
    results = generation.values(), generation.told(), generation.epochs()
    trained = iter(zip(generation.tracks, *results, strict=True))
    records = []
    for place, (proposal, candidate) in enumerate(zip(proposals, candidates, strict=True)):
        common: dict[str, Any] = {
            "strategy": label,
            "number": first + place,
            "key": trial_key(label, first + place, paired=paired),
            "genotype": proposal.genotype,
            "hparams": dict(active(proposal.hparams)),
            "changes": candidate.changes,
        }
        fate: dict[str, Any]
        if candidate.config is None:
            fate = {"status": Status.INFEASIBLE, "reason": candidate.infeasible}
        elif place in copies:
            fate = {"config": candidate.config.to_dict()}
        else:
            track, value, told, epoch = next(trained)
            fate = {
                "config": candidate.config.to_dict(),
                "status": track.status,
                "reason": track.reason or generation.no_value(track, value),
                "value": value,
                "told": told,
                "epoch": epoch,
                "epochs": _finite(track.curves),
                "spread": _finite(track.spread) if repeats > 1 else {},
                "network": _finite_or_none(track.network) if repeats > 1 else {},
                "objectives": track.objectives(objectives, candidate.config, value, epoch),
            }
        records.append(TrialRecord(**common, **fate))
    return records


def _finite(curves: Mapping[str, Sequence[float]]) -> dict[str, tuple[float | None, ...]]:
    return {name: tuple(map(finite_or_none, curve)) for name, curve in curves.items() if curve}


def _finite_or_none(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: finite_or_none(value) for name, value in metrics.items()}
