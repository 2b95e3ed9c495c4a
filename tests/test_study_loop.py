"""The study loop with a pretended trainer: records, order, failures, recompilation, budgets."""

import math

import numpy as np
import pytest

from hptjax.space import Integer, Space
from hptjax.strategies import trial_key
from hptjax.study import run_study
from hptjax.study.generation import value_of
from tests.fakes import SPACE, FakeTrainer, data, study


def run(config, **options):
    options = {"make_trainer": FakeTrainer} | options
    return run_study(config, data(), **options)


class Messages:
    """A sink that keeps what it is told."""

    def __init__(self):
        self.events, self.messages = [], []

    def begin(self, strategy, evaluations):
        self.events.append(("begin", strategy, evaluations))

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
    result = run(study(strategies=("grid", "random"), generations=3))
    assert result.stops == {"grid": "search exhausted", "random": "evaluation budget"}
    assert [t.hparams for t in result.trials if t.strategy == "grid"] == SPACE.grid()


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
    assert math.isnan(value_of(np.array([math.nan, 1.0]), "val_loss_cumulative"))
    assert value_of(np.array([math.nan, 1.0]), "val_loss") == 1.0


def test_diverged_and_infeasible_trials_are_recorded_not_best():
    space = Space({"lr": SPACE["lr"], "resnet_stride_l0": Integer(1, 30)})
    log = []
    result = run(
        study(space, strategies=("random",)), make_trainer=lambda configs: FakeTrainer(configs, log)
    )
    infeasible = [trial for trial in result.trials if trial.infeasible]
    assert 0 < len(infeasible) < len(result.trials)
    assert all(t.config is None and t.value is None and not t.epochs for t in infeasible)
    trained = sum(int(line.split()[1]) for line in log)
    assert trained == len(result.trials) - len(infeasible)
    assert result.best is not None
    assert result.best.value == min(t.value for t in result.trials if t.value is not None)


def test_a_generation_without_one_feasible_network_is_not_trained(monkeypatch):
    space = Space({"resnet_stride_l0": Integer(1, 30)})
    config = study(space, strategies=("grid",), population_size=2, generations=9)
    monkeypatch.setattr(Space, "grid", lambda self: [{"resnet_stride_l0": 30}] * 2)
    log = []
    result = run(config, make_trainer=lambda configs: FakeTrainer(configs, log))
    assert log == []
    assert [trial.value for trial in result.trials] == [None, None]
    assert result.best is None
    assert result.generations[0].ledger["evaluations"] == 0


def test_sinks_see_every_epoch_and_generation_in_order():
    sink = Messages()
    run(study(strategies=("random",), generations=2), sinks=[sink])
    generation = [("epoch", 0, 8), ("epoch", 1, 8)]
    assert sink.events == [
        ("begin", "random", 16),
        *generation,
        ("generation", 0, False),
        *generation,
        ("generation", 1, False),
        ("end", "random", "evaluation budget"),
    ]
    assert sink.messages == []


class Narrow(FakeTrainer):
    """A trainer whose first plan lacks stride 3."""

    def __init__(self, configs):
        super().__init__(configs)
        if len(self.plan.strides) == 3 and not Narrow.grown:
            Narrow.grown = True
            self.plan.strides -= {3}


def test_what_the_plan_lacks_is_compiled_once_and_said_once(monkeypatch):
    monkeypatch.setattr(Narrow, "grown", False, raising=False)
    sink = Messages()
    result = run(study(strategies=("random",)), make_trainer=Narrow, sinks=[sink])
    assert len(sink.messages) == 1
    assert "compiling once more" in sink.messages[0]
    assert result.trials == run(study(strategies=("random",))).trials


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
    assert ledger["evaluations"] == 8
    assert ledger["member_epochs"] == 16
    assert ledger["samples"] == 16 * data().train.size
    assert ledger["padded_over_true_flops"] == 1.25
    parts = sum(ledger[key] for key in ("strategy_s", "log_s", "train_s", "compile_s"))
    assert 0 < parts <= ledger["wall_s"]


def test_the_time_budget_ends_a_strategy_after_a_generation():
    result = run(study(strategies=("random", "tpe"), time_budget=1e-9))
    assert result.stops == {"random": "time budget", "tpe": "time budget"}
    assert len(result.trials) == 16


def test_des_fills_the_population_with_one_generation():
    result = run(study(strategies=("des",), population_size=9))
    assert [len(record.trials) for record in result.generations] == [9, 9, 9, 9]


def test_any_strategy_of_ones_own_goes_through_the_same_loop():
    from hptjax.strategies.optuna import OptunaStrategy
    from hptjax.strategies.registry import strategy_seed

    def factory(space, seed, evaluations):
        import optuna

        sampler = optuna.samplers.RandomSampler(seed=strategy_seed("random", seed))
        return OptunaStrategy(space, sampler)

    own = run(study(generations=1), strategies={"mine": factory})
    named = run(study(generations=1, strategies=("random",)))
    assert [t.hparams for t in own.trials] == [t.hparams for t in named.trials]
    assert {trial.strategy for trial in own.trials} == {"mine"}
