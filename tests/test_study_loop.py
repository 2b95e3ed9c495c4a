"""The study loop with a pretended executor: records, order, failures, budgets."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.records import Status
from hptjax.search import run_study
from hptjax.search.generation import repeat_key, trial_key
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.study.config import StudyConfig
from hptjax.study.metrics import find_metric
from hptjax.study.sink import Sink
from tests.fakes import SPACE, FakeExecutor, data, study


def run(config, **options):
    options = {"executor": FakeExecutor()} | options
    return run_study(config, data(), **options)


class Messages(Sink):
    """A sink that keeps what it is told."""

    def __init__(self):
        self.events, self.messages = [], []

    def begin(self, strategy, trials):
        self.events.append(("begin", strategy, trials))

    def epoch(self, strategy, epoch, metrics):
        self.events.append(("epoch", epoch, len(metrics["val_loss"])))

    def generation(self, record, *, replayed):
        self.events.append(("generation", record.generation, replayed))

    def end(self, strategy, reason):
        self.events.append(("end", strategy, reason))

    def message(self, text):
        self.messages.append(text)


def test_same_seed_same_trials():
    config = study(strategies=("des", "tpe"))
    assert run(config).trials == run(config).trials
    assert run(config).trials != run(study(strategies=("des", "tpe"), seed=2)).trials


@pytest.mark.parametrize("name", ["des", "random", "tpe"])
def test_a_strategy_alone_is_as_among_others(name):
    together = run(study(strategies=("des", "grid", "random", "tpe")))
    alone = run(study(strategies=(name,)))
    assert tuple(t for t in together.trials if t.strategy == name) == alone.trials
    assert len(alone.trials) == 32


def test_grid_stops_when_exhausted_others_at_the_budget():
    result = run(study(strategies=("grid", "random"), budget={"generations": 4}))
    assert result.stops == {"grid": "search exhausted", "random": "generation budget"}
    order = {"name": "grid", "order": "listed"}
    trials = run(study(strategies=(order,), budget={"generations": 4})).trials
    assert [t.hparams for t in trials] == SPACE.grid()


def test_numbers_count_within_a_strategy_and_give_the_keys():
    trials = run(study(strategies=("random", "tpe"))).trials
    for name in ("random", "tpe"):
        own = [trial for trial in trials if trial.strategy == name]
        assert [trial.number for trial in own] == list(range(32))
        assert [trial.key for trial in own] == [trial_key(name, n) for n in range(32)]


def test_values_are_those_of_the_last_epoch_or_the_mean():
    last = run(study(strategies=("random",))).trials
    mean = run(study(strategies=("random",), metric="val_loss_cumulative")).trials
    for a, b in zip(last, mean, strict=True):
        if a.value is not None:
            assert a.value == a.epochs["val_loss"][-1]
            assert b.value == pytest.approx(np.mean(b.epochs["val_loss"]), rel=1e-6)


def test_a_loss_that_was_not_finite_makes_the_mean_fail():
    curves = {"val_loss": np.array([math.nan, 1.0]), "val_accuracy": np.array([0.0, 0.75])}
    assert math.isnan(find_metric("val_loss_cumulative")(curves))
    assert find_metric("val_loss")(curves) == 1.0
    assert find_metric("val_accuracy")(curves) == 0.75


def test_diverged_and_infeasible_trials_are_recorded_with_a_reason_and_never_best():
    space = Space({"lr": Float(0.01, 0.2), "resnet_stride_l0": Integer(1, 30)})
    executor = FakeExecutor()
    result = run(study(space, strategies=("random",)), executor=executor)
    by_status = {status: [t for t in result.trials if t.status is status] for status in Status}
    infeasible, diverged = by_status[Status.INFEASIBLE], by_status[Status.DIVERGED]
    assert infeasible
    assert diverged
    assert by_status[Status.TRAINED]
    assert all(t.config is None and t.value is None and not t.epochs for t in infeasible)
    assert all("too small for a pool" in t.reason for t in infeasible)
    assert all(t.value is t.told is None and t.age == 1 for t in diverged)  # stopped at once
    assert all(t.reason == "loss not finite after epoch 1" for t in diverged)
    started = sum(int(line.split()[1]) for line in executor.log if line.startswith("start"))
    assert started == len(result.trials) - len(infeasible)
    assert result.best.value == min(t.value for t in by_status[Status.TRAINED])


def test_a_generation_without_one_feasible_network_is_not_trained():
    space = Space({"resnet_stride_l0": Integer(1, 30, grid=(29, 30))})
    config = study(space, strategies=("grid",), population_size=2, budget={"generations": 9})
    executor = FakeExecutor()
    result = run(config, executor=executor)
    assert executor.log == []
    assert [trial.value for trial in result.trials] == [None, None]
    assert result.best is None
    assert result.generations[0].ledger["members"] == 0


def test_sinks_see_every_epoch_and_generation_in_order():
    sink = Messages()
    space = Space({"lr": Float(0.001, 0.08)})
    run(study(space, strategies=("random",), budget={"generations": 2}), sinks=[sink])
    generation = [("epoch", 1, 8), ("epoch", 2, 8)]  # nobody diverges
    assert sink.events == [
        ("begin", "random", 16),
        *generation,
        ("generation", 0, False),
        *generation,
        ("generation", 1, False),
        ("end", "random", "generation budget"),
    ]
    assert sink.messages == []


def test_best_is_handed_over_with_its_own_weights():
    seen = []
    config = study(strategies=("random", "tpe"))
    result = run(config, on_best=lambda trial, variables: seen.append((trial, variables)))
    values = [trial.value for trial, _ in seen]
    assert values == sorted(values, reverse=True)
    assert seen[-1][0] == result.best
    assert all(v["params"]["trial"][0] == trial.key for trial, v in seen)


def test_ledger_adds_up():
    ledger = run(study(strategies=("random",))).generations[1].ledger
    assert ledger["members"] == 8
    assert ledger["member_epochs"] == 15  # one diverged in its first epoch
    assert ledger["samples"] == 15 * data().train.size
    assert ledger["padded_over_true_flops"] == 1.25
    parts = sum(ledger[key] for key in ("searcher_s", "log_s"))
    assert 0 < parts <= ledger["wall_s"]


def test_des_fills_the_population_with_one_generation():
    result = run(study(strategies=("des",), population_size=9))
    assert [len(record.trials) for record in result.generations] == [9, 9, 9, 9]


def test_any_searcher_of_ones_own_goes_through_the_same_loop():
    from hptjax.strategies.optuna import OptunaSearcher

    def factory(context):
        import optuna

        seed = replace(context, label="random").own_seed
        return OptunaSearcher(context.space, optuna.samplers.RandomSampler(seed=seed))

    own = run(study(budget={"generations": 1}), searchers={"mine": factory})
    named = run(study(budget={"generations": 1}, strategies=("random",)))
    assert [t.hparams for t in own.trials] == [t.hparams for t in named.trials]
    assert {trial.strategy for trial in own.trials} == {"mine"}


def test_trial_keys_are_unique_and_fit_an_int32():
    keys = {trial_key(name, number) for name in ("des", "tpe") for number in range(1000)}
    assert len(keys) == 2000
    assert max(keys) < 2**31
    assert len({repeat_key(key, repeat) for key in keys for repeat in range(3)}) == 6000


def test_paired_trials_have_one_key_and_their_repetitions_the_same_others():
    config = study(strategies=("random", "tpe"), repeats={"n": 3, "paired": True})
    assert (config.repeats, config.paired) == (3, True)
    assert StudyConfig.from_dict(config.to_dict()) == config
    trials = run(config).trials
    assert {trial.key for trial in trials} == {trial_key("random", 0, paired=True)}
    keys = {(trial.hparams["lr"], trial.hparams["resnet_stride_l0"]): trial for trial in trials}
    assert len(keys) > 16


def test_networks_of_equal_numbers_are_equal_only_where_keys_are_paired():
    """The pretended loss is of learning rate, stride and key, and of no batch norm."""
    space = Space({"mlp_bn_l0": Categorical((False, True))})

    def losses(paired):
        config = study(space, strategies=("grid",), repeats={"n": 2, "paired": paired})
        return {trial.value for trial in run(config).trials}

    assert len(losses(True)) == 1
    assert len(losses(False)) == 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"repeats": {"n": 2, "pared": True}}, "repeats.pared: unknown key; did you mean 'paired'"),
        ({"repeats": {"n": 0, "paired": True}}, "repeats: "),
        ({"repeats": {"paired": True}, "paired": False}, "paired: is given twice"),
        ({"paired": True, "duplicates": "retrain"}, "duplicates: must be reuse where keys are"),
    ],
)
def test_mistakes_about_pairs_are_named(changes, text):
    with pytest.raises(ConfigError, match=text):
        study(**changes)


def test_a_study_without_pairs_says_nothing_of_them():
    assert "paired" not in study().to_dict()
