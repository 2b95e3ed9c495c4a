"""Budgets in any mix: whichever ends first ends a strategy, and says so."""

import math

import pytest

from hptjax.records import Status
from hptjax.records.journal import Journal
from hptjax.search import run_study
from hptjax.study.budget import Budget, Meter
from tests.fakes import FakeExecutor, data, study
from tests.test_study_resume import lasting


def run(budget, **changes):
    options = {"strategies": ("random",), "epochs": 3} | changes
    return run_study(study(budget=budget, **options), data(), executor=FakeExecutor())


class Clock:
    """Time passes only when a population is trained."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_nothing_given_is_one_generation():
    assert Budget.model_validate({}).generations == 1
    assert Budget(trials=5).generations is None


@pytest.mark.parametrize(
    ("changes", "samples", "seconds"),
    [
        ({"budget": {"generations": 5}}, 5 * 8 * 3 * 100, math.inf),
        ({"budget": {"generations": 99, "trials": 12}, "repeats": 2}, 2 * 12 * 3 * 100, math.inf),
        ({"budget": {"trials": 80, "member_epochs": 7}}, 700, math.inf),
        ({"budget": {"samples": 50, "seconds": 2.5}, "strategies": ("random", "tpe")}, 100, 5.0),
        # 8 trials for an epoch, 2 of them for two more
        ({"schedule": "halving", "budget": {"generations": 4}}, 4 * (8 + 2 * 2) * 100, math.inf),
    ],
)
def test_the_work_ahead_follows_from_the_config(changes, samples, seconds):
    ahead = study(**({"strategies": ("random",), "epochs": 3} | changes)).work_ahead(100)
    assert ahead == {"samples": pytest.approx(samples), "seconds": seconds}


@pytest.mark.parametrize(
    ("budget", "reason", "trials"),
    [
        ({"generations": 2, "trials": 99}, "generation budget", 16),
        ({"generations": 9, "trials": 20}, "trial budget", 20),
        ({"trials": 3}, "trial budget", 3),
    ],
)
def test_the_first_budget_to_end_ends_the_strategy(budget, reason, trials):
    result = run(budget)
    assert result.stops == {"random": reason}
    assert len(result.trials) == trials


@pytest.mark.parametrize("unit", ["member_epochs", "samples"])
def test_member_epochs_are_kept_to_an_epoch_and_the_cut_is_recorded(unit):
    images = data().train.size if unit == "samples" else 1
    result = run({unit: 60 * images})
    spent = sum(record.ledger["member_epochs"] for record in result.generations)
    assert 60 - 8 < spent <= 60
    last = result.generations[-1]
    assert last.cut == result.stops["random"]
    assert last.cut == ("member-epoch budget" if unit == "member_epochs" else "sample budget")
    assert {t.age for t in last.trials if t.status is Status.TRAINED} < {1, 2}
    assert all(record.cut is None for record in result.generations[:-1])


def test_a_wall_budget_is_asked_of_the_executor_before_every_epoch():
    asked = []

    class Asked(FakeExecutor):
        def start(self, members):
            population = super().start(members)
            advance = population.advance

            def noted(epochs, *, seconds):
                asked.append(seconds)
                return advance(epochs, seconds=seconds if len(asked) < 8 else 0)

            population.advance = noted
            return population

    config = study(budget={"seconds": 50.0}, strategies=("random",), epochs=3)
    result = run_study(config, data(), executor=Asked())
    assert asked == sorted(asked, reverse=True)
    assert all(0 < seconds <= 50 for seconds in asked)
    assert [record.cut for record in result.generations] == [None, None, "time budget"]
    assert result.stops == {"random": "time budget"}
    assert max(t.age for t in result.generations[-1].trials) == 1


def test_the_meter_counts_generations_that_were_recorded_before():
    clock = Clock()
    meter = Meter(Budget(seconds=10.0), images=5, clock=clock)
    meter.start()
    meter.add(3, {"member_epochs": 6, "wall_s": 9.0})  # replayed: no time has passed
    assert meter.seconds_left() == 1.0
    assert meter.spent() is None
    clock.now = 1.5
    assert meter.spent() == "time budget"


def test_a_larger_budget_extends_a_run_as_if_it_had_been_given_at_once(tmp_path):
    def journalled(name, generations):
        config = study(budget={"generations": generations}, strategies=("random", "tpe"))
        with Journal(tmp_path / name) as journal:
            return run_study(config, data(), executor=FakeExecutor(), journal=journal)

    journalled("a", 2)
    extended, whole = journalled("a", 4), journalled("b", 4)
    for label in whole.stops:  # each strategy by itself; the trials are in the order of the journal
        trials = [[t for t in own.trials if t.strategy == label] for own in (extended, whole)]
        assert trials[0] == trials[1]
    assert extended.stops == whole.stops
    records = lasting(tmp_path / "a")
    assert journalled("a", 4).trials == extended.trials
    assert lasting(tmp_path / "a") == records  # nothing is added


def test_failures_end_a_strategy_only_where_the_study_says_so():
    class Failing(FakeExecutor):
        def epoch(self, members, age):
            return {k: v * float("nan") for k, v in super().epoch(members, age).items()}

    config = study(strategies=("random", "tpe", "des"))
    result = run_study(config, data(), executor=Failing())
    assert len(result.trials) == 96
    assert {t.status for t in result.trials} == {Status.DIVERGED}
    assert result.best is None
    config = study(strategies=("random", "tpe"), max_failures=10)
    result = run_study(config, data(), executor=Failing())
    assert result.stops == dict.fromkeys(("random", "tpe"), "too many failures: 16 of 16 trials")


def test_a_callback_sees_each_generation_and_may_end_the_strategy():
    seen = []

    def callback(record):
        seen.append(record.generation)
        return record.generation == 1

    config = study(strategies=("random", "tpe"))
    result = run_study(config, data(), executor=FakeExecutor(), callbacks=[callback])
    assert seen == [0, 1, 0, 1]
    assert set(result.stops.values()) == {"callback"}
