"""A run as Optuna studies, one for each strategy, for Optuna's plots and dashboard."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hptjax.records.change import describe_changes
from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL
from hptjax.records.trial import GenerationRecord, Status, TrialRecord, metrics_of
from hptjax.report.seconds import own_seconds
from hptjax.space import Space
from hptjax.strategies.optuna import distribution
from hptjax.study.config import StudyConfig
from hptjax.study.metric import Metric
from hptjax.study.metrics import find_metric
from hptjax.study.objectives import objectives_of
from hptjax.study.sink import Sink

STATES = {Status.TRAINED: TrialState.COMPLETE, Status.STOPPED: TrialState.PRUNED}  # others: FAIL


class OptunaJournalSink(Sink):
    """Writes an Optuna study RUN/STRATEGY for each strategy; a resume writes them again.

    RUN is the name of the directory, which distinguishes the studies of several runs.

    The values are those of the trials; the intermediate values are the metric after each epoch,
    from 1. A trial begins with its generation, and lasts in proportion to its epochs. A replayed
    trial ends at the time of the resume. Load it with `optuna.load_study(study_name="mine/des",
    storage=open_storage(path))`.
    """

    def __init__(
        self, path: Path, space: Space, metric: Metric, objectives: Sequence[Goal] = ()
    ) -> None:
        """metric, objectives: those of the study. The file stays until a strategy begins."""
        self._path = path
        self._distributions = {name: distribution(entry) for name, entry in space.items()}
        self._metric, self._goals = metric, (metric.goal, *objectives)
        self._studies: dict[str, optuna.Study] = {}

    @classmethod
    def open(cls, study: StudyConfig, folder: Path, options: Any) -> Self:
        metric = find_metric(study.metric, task=study.task)
        others = [own.goal for own in objectives_of(study.objectives, study.task)]
        return cls(folder / "optuna.journal", study.space, metric, others)

    @cached_property
    def _storage(self) -> JournalStorage:
        for old in self._path.parent.glob(f"{self._path.name}*"):
            old.unlink()  # it is written again; this also removes the lock of a killed process
        return open_storage(self._path)

    def begin(self, strategy: str, trials: int | None) -> None:
        name = f"{self._path.absolute().parent.name}/{strategy}"
        self._studies[strategy] = _new_study(name, self._storage, self._goals)

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        took = timedelta(seconds=own_seconds(record.ledger))
        began, oldest = datetime.now() - took, max(trial.age for trial in record.trials)
        frozen = []
        for trial in record.trials:
            new = frozen_trial(trial, record.generation, self._distributions, self._metric)
            new.datetime_start = began
            new.datetime_complete = began + took * (trial.age / max(oldest, 1))
            frozen.append(new)
        self._studies[record.strategy].add_trials(frozen)


def open_storage(path: Path) -> JournalStorage:
    """The storage that Optuna and its dashboard read."""
    return JournalStorage(JournalFileBackend(str(path)))


def frozen_trial(
    trial: TrialRecord,
    generation: int,
    distributions: Mapping[str, BaseDistribution],
    metric: Metric,
) -> FrozenTrial:
    """A trial in Optuna's form: trained ones are complete, stopped ones pruned, others failed.

    It has no parameters for inactive hparams.
    """
    active = {name: kind for name, kind in distributions.items() if name in trial.hparams}
    state = STATES.get(trial.status, TrialState.FAIL)
    told = (trial.value, *trial.objectives.values())
    values = [value for value in told if value is not None]
    if len(values) < len(told):
        state = TrialState.FAIL
    return optuna.trial.create_trial(
        state=state,
        values=None if state == TrialState.FAIL else values,
        params={name: trial.hparams[name] for name in active},
        distributions=active,
        user_attrs=_attributes(trial, generation),
        intermediate_values=_intermediate(trial, metric),
    )


def _attributes(trial: TrialRecord, generation: int) -> dict[str, Any]:
    metrics = [n for n in metrics_of([trial]) if n.startswith(VAL) and n != "val_loss"]
    return {
        "number": trial.number,
        "key": trial.key,
        "status": trial.status.value,
        "reason": trial.reason,
        "changes": describe_changes(trial.changes),
        "generation": generation,
        **{name: trial.judged(name) for name in metrics},
        "epochs": trial.age,
        **({} if trial.epoch is None else {"epoch": trial.epoch}),
        "duplicate_of": trial.duplicate_of,
    }


def _intermediate(trial: TrialRecord, metric: Metric) -> dict[int, float]:
    """{epoch: metric}, without epochs where it is not finite."""
    curves = {name: np.array(curve, np.float64) for name, curve in trial.epochs.items()}
    values = {
        age: metric({name: curve[:age] for name, curve in curves.items()})
        for age in range(1, trial.age + 1)
    }
    return {age: value for age, value in values.items() if np.isfinite(value)}


def _new_study(name: str, storage: JournalStorage, goals: Sequence[Goal]) -> optuna.Study:
    """A new Optuna study with these goals, each with its direction and name."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=storage, study_name=name, directions=[g.direction for g in goals]
        )
        study.set_metric_names([goal.name for goal in goals])
    return study


@contextmanager
def quiet() -> Iterator[None]:
    """Hides Optuna's log lines."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
