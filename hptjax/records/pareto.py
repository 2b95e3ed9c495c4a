"""The Pareto front of trials with several objectives."""

from collections.abc import Iterable, Sequence

import numpy as np

from hptjax.records.goal import Goal
from hptjax.records.trial import COUNTED, TrialRecord


def pareto_front(trials: Iterable[TrialRecord], goals: Sequence[Goal]) -> list[TrialRecord]:
    """The trained trials that no other trial beats, best by the first goal first.

    A trial beats another if it is as good by every goal and better by one. goals: the goal of the
    metric, then those of the objectives. The first trial of a network stands for all of that
    network.
    """
    counted = [
        trial
        for trial in trials
        if trial.status in COUNTED and trial.duplicate_of is None and None not in values_of(trial)
    ]
    signs = np.array([goal.sign for goal in goals], float)
    points = (
        np.array([values_of(trial) for trial in counted], float).reshape(-1, len(goals)) * signs
    )
    beaten = [bool(((points <= point).all(1) & (points < point).any(1)).any()) for point in points]
    front = [k for k, lost in enumerate(beaten) if not lost]
    return [counted[k] for k in sorted(front, key=lambda k: tuple(points[k]))]


def values_of(trial: TrialRecord) -> tuple[float | None, ...]:
    """A trial's values in their own units: the metric, then each objective."""
    return trial.value, *trial.objectives.values()
