"""DES (Arabas & Jagodzinski 2020) as an Optuna sampler."""

import json
import threading
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptjax.des.algorithm import DES
from hptjax.des.distributions import Codec
from hptjax.des.presets import Preset
from hptjax.des.state import INT_MAX
from hptjax.errors import ConfigError
from hptjax.settings import named_key

SEED, SPACE = "des:seed", "des:space"  # attributes of the study
GENERATION, ROW, POINT = "des:generation", "des:row", "des:point"  # attributes of a trial


class DESSampler(BaseSampler):
    """Samples generation by generation with DES; all kinds of distributions, one objective.

    seed: is kept in the study, so that a later process continues the same run; the study's seed
    has priority. search_space: distributions known beforehand; without them, trials are random
    until one is complete, and the parameters that all complete trials share are the space. x0:
    start values. attempts: how often a failed trial's point is asked before it counts as failed.

    The state is rebuilt from the trials (their generation, row, point and value): nothing is
    pickled, and any storage will do. Pruned trials count as failed. With n_jobs > 1, or several
    processes, the trials of one generation run in parallel. When all its rows are being evaluated,
    a further worker gets a running row a second time (the first complete value counts), so that a
    lost worker never blocks a generation: let n_jobs divide `population_size` (4 D + 1 by default).
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        search_space: Mapping[str, BaseDistribution] | None = None,
        x0: Mapping[str, Any] | None = None,
        preset: str | Preset = "release",
        population_size: int | None = None,
        midpoint: bool = True,
        attempts: int = 3,
    ) -> None:
        if attempts < 1:
            raise ConfigError(f"attempts must be at least 1; got {attempts}.")
        self._seed = seed
        self._given_space = None if search_space is None else dict(search_space)
        self._x0 = None if x0 is None else dict(x0)
        self._options: dict[str, Any] = {"preset": preset, "midpoint": midpoint}
        self._population_size = population_size
        self._attempts = attempts
        self._independent = RandomSampler(seed=seed)
        self._intersection = IntersectionSearchSpace()
        self._replays: dict[str, _Replay] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """A copy rebuilds its state from the study."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_replays")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock, self._replays = threading.RLock(), {}

    def reseed_rng(self) -> None:
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        stored = study._storage.get_study_system_attrs(study._study_id).get(SPACE)
        if stored is not None:
            return {name: json_to_distribution(text) for name, text in json.loads(stored).items()}
        space = self._given_space
        if space is None:
            with self._lock:
                space = self._intersection.calculate(study)
        return {name: d for name, d in space.items() if not d.single()}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock:
            replay = self._replay(study, search_space)
            row = replay.next_row(study, self._attempts)
            point = [float(u) for u in replay.rows[row]]
            for name, value in ((GENERATION, replay.generation), (ROW, row), (POINT, point)):
                study._storage.set_trial_system_attr(trial._trial_id, name, value)
        return replay.codec.decode(point)

    def _replay(self, study: Study, space: dict[str, BaseDistribution]) -> "_Replay":
        name = study.study_name
        if name not in self._replays:
            storage, identity = study._storage, study._study_id
            known = storage.get_study_system_attrs(identity)
            if SEED not in known:
                seed = np.random.default_rng(self._seed).integers(2**31)
                texts = {key: distribution_to_json(d) for key, d in space.items()}
                storage.set_study_system_attr(identity, SPACE, json.dumps(texts))
                storage.set_study_system_attr(identity, SEED, int(seed))
                known = storage.get_study_system_attrs(identity)
            codec = Codec(space)
            start = None
            if self._x0 is not None:
                start = codec.encode(self._x0, np.full(len(space), 0.5))
            es = DES(self._population_size, jnp.zeros(len(space)), budget=INT_MAX, **self._options)
            self._replays[name] = _Replay(es, codec, start, known[SEED])
        return self._replays[name]


class _Replay:
    """DES, advanced to the generation that the trials of a study have reached."""

    def __init__(self, es: DES, codec: Codec, x0: np.ndarray | None, seed: int) -> None:
        self.es, self.codec, self.key = es, codec, named_key(seed)
        self.params, self.generation = es.default_params, 0
        start = None if x0 is None else jnp.asarray(x0, es.dtype)
        self.state = es.init(self.key, start, self.params)
        self._ask()

    def next_row(self, study: Study, attempts: int) -> int:
        """Returns the row to evaluate next, after telling every generation that is complete."""
        trials = [t for t in study.get_trials(deepcopy=False) if GENERATION in t.system_attrs]
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        while True:
            mine = [t for t in trials if t.system_attrs[GENERATION] == self.generation]
            slots = {int(row): _Slot(attempts) for row in np.flatnonzero(self.state.counted)}
            for trial in mine:
                slot = slots.get(trial.system_attrs[ROW])
                if slot is not None:
                    slot.add(trial)
            unfinished = {row: slot for row, slot in slots.items() if not slot.finished}
            if unfinished:
                return min(unfinished, key=lambda row: unfinished[row].running)
            self._tell(slots, sign)

    def _tell(self, slots: "dict[int, _Slot]", sign: int) -> None:
        rows, fitness = np.array(self.rows), np.full(len(self.rows), np.nan)
        for row, slot in slots.items():
            if slot.trial is not None:
                rows[row] = self.codec.encode(slot.trial.params, slot.trial.system_attrs[POINT])
                fitness[row] = sign * _value(slot.trial)
        told = jnp.asarray(rows, self.es.dtype), jnp.asarray(fitness)
        self.state, _ = self.es.tell(self.key, *told, self.state, self.params)
        self.generation += 1
        self._ask()

    def _ask(self) -> None:
        key = jax.random.fold_in(self.key, self.generation)
        rows, self.state = self.es.ask(key, self.state, self.params)
        self.rows = np.asarray(rows)


class _Slot:
    """The results of the trials of one row."""

    def __init__(self, attempts: int) -> None:
        self.attempts, self.running, self.failed = attempts, 0, 0
        self.trial: FrozenTrial | None = None
        self.pruned = False

    def add(self, trial: FrozenTrial) -> None:
        if trial.state == TrialState.COMPLETE and self.trial is None:
            self.trial = trial
        self.pruned |= trial.state == TrialState.PRUNED
        self.failed += trial.state == TrialState.FAIL
        self.running += trial.state == TrialState.RUNNING

    @property
    def finished(self) -> bool:
        given_up = self.failed >= self.attempts and not self.running
        return self.trial is not None or self.pruned or given_up


def _value(trial: FrozenTrial) -> float:
    return float("nan") if trial.value is None else float(trial.value)
