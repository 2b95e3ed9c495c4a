"""Schedules: laws of the pure functions, and studies whose survivors go on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptjax.errors import ConfigError
from hptjax.records import Status
from hptjax.records.metrics import LOSSES
from hptjax.search import run_study
from hptjax.search.generation import Generation
from hptjax.search.judging import Judging
from hptjax.space import Float, Space
from hptjax.study.metrics import find_metric
from hptjax.study.schedule import FullEpochs, Hyperband, SuccessiveHalving
from hptjax.study.schedules import make_schedule
from tests.fakes import FakeExecutor, data, study

SCHEDULES = st.one_of(
    st.builds(FullEpochs, epochs=st.integers(1, 30)),
    st.builds(
        SuccessiveHalving,
        epochs=st.integers(1, 30),
        reduction=st.integers(2, 5),
        first=st.integers(1, 9),
    ),
    st.builds(
        Hyperband, epochs=st.integers(1, 30), reduction=st.integers(2, 5), first=st.integers(1, 9)
    ),
)


def steps_of(schedule, generation, values):
    """[(age, trials, epochs)] of a generation whose values never change."""
    age, alive, steps = 0, dict(values), []
    while step := schedule.decide(generation, age, alive):
        steps.append((age, step.trials, step.epochs))
        age, alive = age + step.epochs, {k: alive[k] for k in step.trials}
        assert len(steps) < 99
    return steps


@given(SCHEDULES, st.integers(0, 9), st.lists(st.floats(-5, 5), min_size=1, max_size=40))
def test_a_generation_ends_at_its_epochs_with_the_best_of_it(schedule, generation, losses):
    values = dict(enumerate(losses))
    steps = steps_of(schedule, generation, values)
    assert sum(epochs for _, _, epochs in steps) == schedule.epochs
    assert all(epochs >= 1 for _, _, epochs in steps)
    alive = set(values)
    for _, trials, _ in steps:
        assert set(trials) <= alive
        assert trials
        alive = set(trials)
    out = set(values) - alive
    assert max((values[k] for k in alive), default=0) <= min(
        (values[k] for k in out), default=math.inf
    )


def test_successive_halving_keeps_a_third_each_time():
    schedule = SuccessiveHalving(epochs=9, reduction=3)
    steps = steps_of(schedule, 0, {k: float(k) for k in range(27)})
    assert [(age, len(trials), epochs) for age, trials, epochs in steps] == [
        (0, 27, 1),
        (1, 9, 2),
        (3, 3, 6),
    ]


def test_hyperbands_brackets_take_turns():
    """The published example: R = 81, eta = 3 has brackets of 81, 34, 15, 8 and 5."""
    schedule = Hyperband(epochs=81, reduction=3)
    assert [schedule.size(g, 81) for g in range(5)] == [81, 34, 15, 8, 5]
    firsts = [steps_of(schedule, g, {0: 1.0, 1: 2.0})[0][2] for g in range(6)]
    assert firsts == [1, 3, 9, 27, 81, 1]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("halve", "unknown schedule 'halve'; did you mean 'halving'"),
        ({"name": "halving", "reduction": 1}, "schedule.reduction: must be greater than or equal"),
        ({"reduction": 3}, "unknown schedule 'reduction'; known are full, halving, hyperband"),
        ({"reduction": 3, "first": 1}, "must be a name, or a mapping"),
        (
            {"halving": {"reduction": 1}},
            "schedule.halving.reduction: must be greater than or equal",
        ),
        ({"halving": {"epochs": 3}}, "schedule.epochs: epochs are the study's"),
        ({"halving": 3}, "schedule.halving: must be a mapping of options, got 3; known are first"),
        ({"name": ["a"]}, "must be a name, or a mapping"),
        ({"halving": {"first": 9}}, "schedule.halving.first: must be below the study's epochs"),
        ({"name": "hyperband", "first": 20}, "schedule.first: .*, which are 9, got 20"),
        ({"name": "halving", "epochs": 3}, "schedule.epochs: epochs are the study's"),
    ],
)
def test_mistakes_are_named(tree, message):
    with pytest.raises(ConfigError, match=message):
        make_schedule(tree, 9)


def test_each_form_is_one_schedule_and_noted_as_ever():
    for tree in ("hyperband", {"name": "hyperband"}, {"hyperband": None}, {"hyperband": {}}):
        assert make_schedule(tree, 9) == Hyperband(epochs=9)
    assert make_schedule({"halving": {"first": 1}}, 1) == SuccessiveHalving(epochs=1)
    four = {"name": "halving", "reduction": 4}
    for tree in (four, {"halving": {"reduction": 4}}):
        assert make_schedule(tree, 9) == SuccessiveHalving(epochs=9, reduction=4)
        assert study(schedule=tree).to_dict()["schedule"] == four


def halved(**changes):
    tree = {"strategies": ("random", "tpe"), "epochs": 9, "schedule": "halving"} | changes
    config = study(Space({"lr": Float(0.001, 0.2, log=True)}), population_size=18, **tree)
    executor = FakeExecutor()
    return run_study(config, data(), executor=executor), executor


def test_survivors_go_on_and_the_others_cost_nothing_more():
    result, executor = halved()
    first = result.generations[0]
    ages = sorted(trial.age for trial in first.trials if trial.status is not Status.DIVERGED)
    assert ages[-1] == 9
    assert set(ages) == {1, 3, 9}
    assert first.ledger["member_epochs"] == sum(trial.age for trial in first.trials)
    stopped = [trial for trial in first.trials if trial.status is Status.STOPPED]
    assert {trial.reason for trial in stopped} == {
        "stopped by the schedule after epoch 1",
        "stopped by the schedule after epoch 3",
    }
    assert sum(line.startswith("start") for line in executor.log) == len(result.generations)


def test_survivors_have_the_curves_of_those_who_were_never_halved():
    halving, _ = halved(strategies=("random",), budget={"generations": 1})
    full, _ = halved(strategies=("random",), budget={"generations": 1}, schedule="full")
    for a, b in zip(halving.trials, full.trials, strict=True):
        assert a.hparams == b.hparams
        for name, curve in a.epochs.items():
            assert curve == b.epochs[name][: a.age]


def test_what_is_told_is_never_better_for_the_stopped():
    result, _ = halved()
    for record in result.generations:
        for trial in record.trials:
            for other in record.trials:
                finite = trial.told is not None and other.told is not None
                if finite and trial.age < other.age:
                    assert trial.told >= other.told
                if finite and trial.age == other.age:
                    assert (trial.told < other.told) == (trial.value < other.value)


def test_told_values_move_the_stopped_up_together():
    generation = Generation(4, 1, Judging(find_metric("val_loss")))
    for trial, losses in enumerate([[0.5, 0.9], [0.7], [0.6, 0.8], [0.8]]):
        for loss in losses:
            generation.tracks[trial].add({name: np.array([loss]) for name in LOSSES})
    for trial in (1, 3):
        generation.tracks[trial].end(Status.STOPPED, "stopped by the schedule after epoch 1")
    assert generation.values() == [0.9, 0.7, 0.8, 0.8]
    assert generation.told() == pytest.approx([0.9, 0.9, 0.8, 1.0])


def test_the_best_trial_was_trained_to_the_end():
    result, _ = halved()
    assert result.best.status is Status.TRAINED
    assert result.best.age == 9


def test_repeats_are_one_trial_with_means_and_spreads():
    result, executor = halved(repeats=3, strategies=("random",), schedule="full", epochs=2)
    once, _ = halved(strategies=("random",), schedule="full", epochs=2)
    assert executor.log[0] == "start 54"
    trained = [t for t in result.trials if t.status is Status.TRAINED]
    assert all(0 < t.spread["val_loss"][-1] < 0.05 for t in trained)
    alone = {t.number: t for t in once.trials}
    for trial in trained:
        gap = abs(trial.value - alone[trial.number].value)
        assert gap < 0.05
    assert any(t.value != alone[t.number].value for t in trained)
    assert result.generations[0].ledger["members"] == 54


def test_same_study_same_records_with_halving():
    first, _ = halved()
    second, _ = halved()
    assert first.trials == second.trials
