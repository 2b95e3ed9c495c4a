"""DESSampler: mixed spaces, replay from the storage, failures, parallel trials."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hptjax.des import DESSampler
from hptjax.des.distributions import Codec
from hptjax.des.sampler import GENERATION, ROW
from hptjax.errors import ConfigError

SPACE = {
    "x": FloatDistribution(-5, 5),
    "k": IntDistribution(0, 20, step=5),
    "c": CategoricalDistribution(("a", "b", None)),
}
ROWS = 4 * len(SPACE) + 1


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def objective(trial):
    x, k = trial.suggest_float("x", -5, 5), trial.suggest_int("k", 0, 20, step=5)
    return (
        (x - 1) ** 2
        + (k - 10) ** 2 / 25
        + (trial.suggest_categorical("c", SPACE["c"].choices) != "b")
    )


def slots(study):
    return [(t.system_attrs[GENERATION], t.system_attrs[ROW]) for t in study.trials]


def test_a_new_process_continues_the_same_run():
    alone = optuna.create_study(sampler=DESSampler(seed=3, search_space=SPACE))
    alone.optimize(objective, n_trials=4 * ROWS)
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="s", storage=storage)
    for count in (7, 20, 4 * ROWS - 27):
        study = optuna.load_study(
            study_name="s", storage=storage, sampler=DESSampler(seed=3, search_space=SPACE)
        )
        study.optimize(objective, n_trials=count)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]
    assert slots(study) == [(g, r) for g in range(4) for r in range(ROWS)]
    assert alone.best_params["c"] == "b"
    assert alone.best_params["k"] == 10


def test_maximising_is_minimising_the_negative():
    low = optuna.create_study(sampler=DESSampler(seed=3, search_space=SPACE))
    high = optuna.create_study(sampler=DESSampler(seed=3, search_space=SPACE), direction="maximize")
    low.optimize(objective, n_trials=2 * ROWS)
    high.optimize(lambda trial: -objective(trial), n_trials=2 * ROWS)
    assert [t.params for t in low.trials] == [t.params for t in high.trials]


def test_failed_rows_are_asked_again_then_given_up():
    def fails_once(trial):
        value = objective(trial)
        return float("nan") if trial.number == 2 else value

    study = optuna.create_study(sampler=DESSampler(seed=0, search_space=SPACE))
    study.optimize(fails_once, n_trials=ROWS + 2)
    assert slots(study).count((0, 2)) == 2
    assert slots(study)[-1] == (1, 0)
    assert study.trials[2].params == study.trials[3].params
    dead = optuna.create_study(sampler=DESSampler(seed=0, search_space=SPACE, attempts=2))
    dead.optimize(lambda trial: objective(trial) * float("nan"), n_trials=2 * ROWS + 1)
    assert slots(dead)[-1] == (1, 0)


def test_lost_worker_does_not_block_a_generation():
    study = optuna.create_study(sampler=DESSampler(seed=0, search_space=SPACE))
    study.ask().suggest_float("x", -5, 5)  # row 0 is never told
    study.optimize(objective, n_trials=ROWS)
    assert slots(study)[-1] == (0, 0)
    study.optimize(objective, n_trials=1)
    assert slots(study)[-1] == (1, 0)


def test_parallel_trials_share_a_generation():
    study = optuna.create_study(sampler=DESSampler(seed=0, search_space=SPACE))
    study.optimize(objective, n_trials=3 * ROWS, n_jobs=4)
    assert {(0, row) for row in range(ROWS)} <= set(slots(study))
    assert all(t.state == optuna.trial.TrialState.COMPLETE for t in study.trials)


def test_space_is_learnt_from_the_first_trial():
    study = optuna.create_study(sampler=DESSampler(seed=0))
    study.optimize(objective, n_trials=3)
    assert GENERATION not in study.trials[0].system_attrs
    assert GENERATION in study.trials[1].system_attrs


def test_start_values_are_the_first_trial():
    x0 = {"x": 0.25, "k": 15, "c": None}
    study = optuna.create_study(sampler=DESSampler(seed=0, search_space=SPACE, x0=x0))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].params["k"] == 15
    assert study.trials[0].params["c"] is None
    assert study.trials[0].params["x"] == pytest.approx(0.25)


def test_codec_gives_equal_shares_and_comes_back():
    codec = Codec({**SPACE, "s": FloatDistribution(0, 1, step=0.25)})
    points = np.linspace(0, 1, 6001)
    values = [codec.decode(np.full(4, u)) for u in points]
    for name, count in (("k", 5), ("c", 3), ("s", 5)):
        shares = {v: sum(x[name] == v for x in values) / 6001 for v in {x[name] for x in values}}
        assert len(shares) == count
        np.testing.assert_allclose(list(shares.values()), 1 / count, atol=1e-3)
    for value in values[::500]:
        again = codec.decode(codec.encode(value, np.full(4, 0.99)))
        assert again.pop("x") == pytest.approx(value["x"])
        assert again == {name: v for name, v in value.items() if name != "x"}


def test_unusable_attempts():
    with pytest.raises(ConfigError, match="attempts"):
        DESSampler(attempts=0)
