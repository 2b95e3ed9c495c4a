"""A larger budget, of whatever kind, goes on from what is recorded and changes nothing of it."""

import random

import pytest

from hptjax.errors import DataError
from hptjax.records.journal import Journal, read_journal
from hptjax.search import run_study
from hptjax.strategies import proposal_at
from tests.fakes import FakeExecutor, data, study
from tests.test_study_resume import lasting

IMAGES = data().train.size
STRATEGIES = ("des", "tpe", "random", "grid", "evosax.CMA_ES", "evosax.DiffusionEvolution")
UNITS = ("generations", "trials", "member_epochs", "samples")


def journalled(path, config, executor=None, **options):
    with Journal(path) as journal:
        executor = executor or FakeExecutor()
        return run_study(config, data(), journal=journal, executor=executor, **options)


class Flat(FakeExecutor):
    """All losses are one number: DES restarts whenever it may."""

    def epoch(self, members, age):
        return {name: values * 0 + 1 for name, values in super().epoch(members, age).items()}


def drawn_budget(rng, low, high):
    """One kind of budget or two, each worth so many trials of two epochs."""
    units = rng.sample(UNITS, rng.choice([1, 1, 2]))
    budget = {}
    for unit in units:
        trials = rng.randint(low, high)
        size = {"generations": 1 / 8, "trials": 1, "member_epochs": 2, "samples": 2 * IMAGES}
        budget[unit] = max(1, round(trials * size[unit]))
    return budget


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_12_extensions_of_any_kind(tmp_path, seed):
    rng = random.Random(seed)
    changes = {
        "strategies": tuple(rng.sample(STRATEGIES, 2)),
        "schedule": rng.choice(["full", "halving", "hyperband"]),
        "repeats": rng.choice([1, 1, 2]),
        "duplicates": rng.choice(["reuse", "retrain"]),
        "epochs": 2,
    }
    small, large = drawn_budget(rng, 3, 30), drawn_budget(rng, 31, 80)
    path = tmp_path / "journal.jsonl"
    short = journalled(path, study(budget=small, **changes))
    before = lasting(path)
    executor = FakeExecutor()
    extended = journalled(path, study(budget=large, **changes), executor)
    assert lasting(path)[: len(before)] == before
    for label in changes["strategies"]:
        made, more = (
            [t for t in result.trials if t.strategy == label] for result in (short, extended)
        )
        assert more[: len(made)] == made
        assert [t.number for t in more] == list(range(len(more)))
        budgets = [f"{unit.replace('_', '-').removesuffix('s')} budget" for unit in large]
        ended = extended.stops[label]
        assert ended in budgets or ended.startswith("search exhausted")
    again = FakeExecutor()
    assert journalled(path, study(budget=large, **changes), again).trials == extended.trials
    assert again.log == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("executor", "small", "large"),
    [
        (FakeExecutor, {"trials": 10}, {"trials": 25}),
        (FakeExecutor, {"member_epochs": 48}, {"generations": 13}),
        (FakeExecutor, {"generations": 12}, {"generations": 201}),
        (FakeExecutor, {"trials": 20}, {"member_epochs": 100}),
        (Flat, {"trials": 10}, {"trials": 25}),
        (Flat, {"generations": 201}, {"generations": 206}),
    ],
)
def test_des_keeps_the_rule_for_restarts_that_it_began_with(tmp_path, executor, small, large):
    path = tmp_path / "journal.jsonl"
    config = {"strategies": ("des",), "epochs": 1}
    short = journalled(path, study(budget=small, **config), executor())
    extended = journalled(path, study(budget=large, **config), executor())
    assert extended.trials[: len(short.trials)] == short.trials
    assert len(extended.trials) > len(short.trials)
    most = study(budget=large, **config).budget.most_trials(8)
    assert most is None or len(extended.trials) == most


def test_whole_generations_extended_are_those_of_one_call(tmp_path):
    """Where the first budget cut nothing, and no rule depends on it."""
    config = {"strategies": ("des", "tpe", "random", "evosax.CMA_ES")}
    journalled(tmp_path / "a", study(budget={"trials": 16}, **config))
    extended = journalled(tmp_path / "a", study(budget={"member_epochs": 64}, **config))
    whole = journalled(tmp_path / "b", study(budget={"trials": 16}, **config))
    assert extended.trials[:16] == whole.trials[:16]
    whole = journalled(tmp_path / "c", study(budget={"generations": 3}, **config))
    journalled(tmp_path / "d", study(budget={"generations": 1}, **config))
    extended = journalled(tmp_path / "d", study(budget={"generations": 3}, **config))
    assert extended.trials != whole.trials  # they are in the order in which they were made
    for label in config["strategies"]:
        made = [
            [own for own in result.trials if own.strategy == label] for result in (extended, whole)
        ]
        assert made[0] == made[1]


def test_a_smaller_budget_shows_all_that_is_recorded(tmp_path):
    path = tmp_path / "journal.jsonl"
    config = {"strategies": ("random", "des")}
    large = journalled(path, study(budget={"member_epochs": 60}, **config))
    executor = FakeExecutor()
    small = journalled(path, study(budget={"member_epochs": 20}, **config), executor)
    assert small.trials == large.trials
    assert executor.log == []


def test_a_searcher_that_proposes_otherwise_than_before_is_refused_truthfully(tmp_path):
    class Other:
        def __init__(self, context, at):
            self.space, self.at = context.space, at

        def ask(self, count):
            return [proposal_at(self.space, [self.at + 0.01 * k, 0.5, 0.5]) for k in range(count)]

        def tell(self, proposals, values):
            pass

    def run(at, generations):
        config = study(budget={"generations": generations})
        own = {"mine": lambda context: Other(context, at)}
        journalled(tmp_path / "journal.jsonl", config, searchers=own)

    run(0.2, 1)
    with pytest.raises(DataError, match=r"mine trial 0 has other hparams.*same proposals again"):
        run(0.3, 2)
    kinds = [record["kind"] for record in read_journal(tmp_path / "journal.jsonl")[0]]
    assert kinds == ["data", "generation", "stop"]


def test_a_searcher_counts_on_what_it_was_promised_first(tmp_path):
    seen = []

    class Counting:
        def __init__(self, context):
            seen.append(context.evaluations)
            self.space = context.space

        def ask(self, count):
            rng = range(count)
            return [proposal_at(self.space, [k / 9, 0.5, 0.5]) for k in rng]

        def tell(self, proposals, values):
            pass

    for budget in ({"trials": 10}, {"generations": 4}, {"member_epochs": 200}):
        journalled(tmp_path / "journal.jsonl", study(budget=budget), searchers={"mine": Counting})
    assert seen == [10, 10, 10]
