"""Equal networks are one candidate; a space that is exhausted ends the search, whoever searches."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from hptjax.errors import ConfigError
from hptjax.records import Status
from hptjax.records.journal import Journal
from hptjax.records.run_dir import RunDirectory
from hptjax.records.trial import best_trial, rank_trials
from hptjax.report.console import leaderboard
from hptjax.report.numbers import counted_values, rank_table, survivors
from hptjax.report.progress import describe_generation
from hptjax.report.runs import runs_table
from hptjax.report.statistics import strategy_statistics
from hptjax.report.tables import epochs_frame, write_tables
from hptjax.search import run_study
from hptjax.search.duplicates import MOST_IDLE
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies import proposal_at
from hptjax.study.warm_start import warm_started
from tests.fakes import FakeExecutor, data, study
from tests.test_study_resume import lasting

SIX = Space({"resnet_stride_l0": Integer(1, 3), "mlp_bn_l0": Categorical((False, True))})
SEARCHERS = (
    *("des", "grid", "random", "tpe", "optuna.QMCSampler", "optuna.NSGAIISampler"),
    *("optuna.BruteForceSampler", "evosax.CMA_ES", "evosax.DifferentialEvolution"),
)


class Points:
    """Proposes given points of SIX, eight at a time, round and round."""

    def __init__(self, points, space=SIX):
        self.points, self.space, self.told, self.next = points, space, [], 0

    def ask(self, count):
        places = range(self.next, self.next + count)
        self.next += count
        chosen = [self.points[k % len(self.points)] for k in places]
        return [proposal_at(self.space, np.array(point)) for point in chosen]

    def tell(self, proposals, values):
        self.told += list(values)


A, B, C = (0.1, 0.1), (0.5, 0.1), (0.9, 0.9)


def run(searcher, executor=None, space=SIX, **changes):
    options = {"budget": {"trials": 32}} | changes
    config = study(space, strategies=("random",), **options)
    executor = executor or FakeExecutor()
    return run_study(config, data(), executor=executor, searchers={"mine": lambda _: searcher})


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHERS)
def test_a_space_of_six_networks_ends_when_all_are_tried(name):
    config = study(SIX, strategies=(name,), budget={"trials": 3000})
    result = run_study(config, data(), executor=FakeExecutor())
    trained = [t for t in result.trials if t.was_trained]
    assert len({tuple(t.hparams.values()) for t in trained}) == len(trained)
    assert len(result.trials) < 3000
    if "gave no new network" in result.stops[name]:  # it has converged
        assert name.startswith("evosax")
        assert len(result.generations) > MOST_IDLE
    else:
        assert result.stops[name] in ("search exhausted", "search exhausted: every point was tried")
        assert len(trained) == 6
    assert result.best == min(trained, key=lambda t: (t.value, t.number))


def test_equal_networks_are_trained_once_and_both_are_told():
    searcher, executor = Points([A, B, A]), FakeExecutor()
    result = run(searcher, executor, budget={"trials": 16})
    assert [line for line in executor.log if line.startswith("start")] == ["start 2"]
    assert [t.duplicate_of for t in result.trials[:6]] == [None, None, 0, 0, 1, 0]
    first = result.trials[0]
    for trial in result.trials:
        if trial.duplicate_of == 0:
            assert trial.reused
            same = ("key", "value", "told", "epochs", "status", "config")
            assert all(getattr(trial, key) == getattr(first, key) for key in same)
    assert searcher.told == [t.value for t in result.trials]
    assert len(searcher.told) == 16
    ledgers = [record.ledger for record in result.generations]
    assert [ledger["member_epochs"] for ledger in ledgers] == [4, 0]
    assert result.stops == {"mine": "trial budget"}


def test_a_copy_of_a_stopped_trial_is_stopped_as_it_was():
    result = run(Points([A, B, C]), schedule="halving", epochs=4, budget={"trials": 24})
    stopped = [t for t in result.trials if t.status is Status.STOPPED]
    assert {t.reused for t in stopped} == {True, False}
    for trial in result.trials:
        if trial.reused:
            first = result.trials[trial.duplicate_of]
            assert (trial.status, trial.reason, trial.told) == (
                first.status,
                first.reason,
                first.told,
            )


def test_numbers_that_differ_only_as_written_are_one_network():
    space = Space({"resnet_stride_l0": Float(1.6, 3.4)})
    executor = FakeExecutor()
    result = run(Points([(0.2,), (0.1,), (0.9,)], space), executor, space)
    assert executor.log[0] == "start 2"  # strides 2, 2 and 3
    assert result.trials[1].hparams != result.trials[0].hparams
    assert result.trials[1].duplicate_of == 0


def test_a_searcher_that_proposes_nothing_new_is_ended_also_without_a_bound_on_trials():
    space = Space({"lr": Float(0.001, 0.08)})
    result = run(Points([(0.5,)], space), space=space, budget={"member_epochs": 1000})
    assert len(result.generations) == MOST_IDLE + 1
    reason = f"search exhausted: {MOST_IDLE} generations in a row gave no new network"
    assert result.stops == {"mine": reason}


def test_a_space_is_also_done_when_its_points_are_fewer_networks():
    space = Space({"resnet_stride_l0": Float(2, 2), "resnet_padding_l0": Integer(0, 3)})
    result = run(Points([(0.5, 0.1), (0.5, 0.3)], space), space=space, budget={"trials": 99})
    assert result.stops == {"mine": "search exhausted: every point was tried"}
    assert len([t for t in result.trials if t.was_trained]) == 1


class LosingOnce(FakeExecutor):
    """Loses the first member of the first population."""

    def start(self, members):
        population = super().start(members)
        if len(self.log) == 1:
            advance = population.advance

            def losing(epochs, **options):
                outcome = advance(epochs, **options)
                lost = {0: "worker gone"} if len(self.log) == 2 else {}
                return replace(outcome, lost=lost)

            population.advance = losing
        return population


def test_a_lost_network_is_trained_when_it_is_proposed_again():
    result = run(Points([A, B, C]), LosingOnce(), budget={"trials": 16})
    assert result.trials[0].status is Status.LOST
    assert result.trials[3].status is Status.LOST  # its copy in the same generation
    again = [t for t in result.trials[8:] if t.was_trained]
    assert [t.hparams for t in again] == [result.trials[0].hparams]
    assert again[0].status is Status.TRAINED
    assert again[0].duplicate_of is None


def test_retrain_trains_again_and_the_best_is_no_luckier_copy():
    result = run(Points([A, B]), duplicates="retrain", budget={"trials": 16})
    assert all(t.was_trained for t in result.trials)
    assert [t.duplicate_of for t in result.trials[:4]] == [None, None, 0, 1]
    assert len({t.key for t in result.trials}) == 16
    assert result.stops == {"mine": "trial budget"}
    values = [t.value for t in result.trials]
    assert min(values) < min(values[:2])  # a copy was luckier
    assert result.best.value == min(values[:2])
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(leaderboard(result.trials, result.goal))
    rows = [line for line in console.export_text().splitlines() if "mine" in line]
    assert len(rows) == 2
    assert f"trained 8 times: {np.mean(values[::2]):.4f} +- {np.std(values[::2], ddof=1):.4f}" in (
        rows[0] + rows[1]
    )


def test_tables_count_a_network_once():
    result = run(Points([A, B, A]), budget={"trials": 16})
    table = runs_table({"a": result})
    assert counted_values(table).count() == 2
    assert table["member_epochs"].sum() == 4
    assert list(rank_table(table)["number"].head(2)) == sorted(
        (0, 1), key=lambda k: result.trials[k].value
    )
    assert best_trial(result.trials).number in (0, 1)


@pytest.mark.parametrize("mode", ["reuse", "retrain"])
@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_a_run_with_copies_resumes(tmp_path, mode, at):
    class Stop(Exception):
        pass

    class Stopping(FakeExecutor):
        def epoch(self, members, age):
            if sum(line.startswith("epoch") for line in self.log) == at:
                raise Stop
            return super().epoch(members, age)

    space = Space({"resnet_stride_l0": Integer(1, 4), "mlp_bn_l0": Categorical((False, True))})
    points = [A, B, A, C, C, (0.3, 0.9), B, A, (0.1, 0.9), A]
    config = study(
        space,
        budget={"trials": 32},
        schedule="halving",
        epochs=3,
        duplicates=mode,
        strategies=("random",),
    )

    def journalled(name, executor):
        with Journal(tmp_path / name) as journal:
            return run_study(
                config,
                data(),
                executor=executor,
                journal=journal,
                searchers={"mine": lambda _: Points(points, space)},
            )

    whole = journalled("whole", FakeExecutor())
    counts = Counter(t.duplicate_of is not None for t in whole.trials)
    assert min(counts.values()) > 4
    if mode == "reuse" and at == 5:
        assert journalled("cut", FakeExecutor()).trials == whole.trials
    else:
        with pytest.raises(Stop):
            journalled("cut", Stopping())
    assert journalled("cut", FakeExecutor()).trials == whole.trials
    assert lasting(tmp_path / "cut") == lasting(tmp_path / "whole")


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match="duplicates: must be 'reuse' or 'retrain'"):
        study(duplicates="again")


def test_a_warm_start_does_not_take_the_luckiest_copy(tmp_path):
    config = study(SIX, duplicates="retrain", strategies=("random",), budget={"trials": 48})
    with RunDirectory(tmp_path / "run", config.to_dict()) as directory:
        result = run_study(config, data(), executor=FakeExecutor(), journal=directory.journal)
    write_tables(result, tmp_path)
    ranked = rank_trials(t for t in result.trials if t.duplicate_of is None)
    wanted = tuple(dict(t.hparams) for t in ranked[:4])
    lucky = [dict(t.hparams) for t in rank_trials(result.trials)]
    assert tuple(dict(h) for h in {tuple(p.items()): None for p in lucky})[:4] != wanted
    for source in ({"run": str(tmp_path / "run")}, {"trials": str(tmp_path / "trials.csv")}):
        start = study(SIX, strategies=("random",), warm_start={**source, "best": 4})
        assert warm_started(start).first == wanted


def test_a_network_that_was_trained_once_has_its_epochs_once(tmp_path):
    result = run(Points([A, B, A]), budget={"trials": 16})
    frame = epochs_frame(result.generations)
    assert frame[["number", "epoch"]].values.tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert survivors(runs_table({"run": result}))["trials"].tolist() == [8, 2, 2, 8]
    (spent,) = strategy_statistics(runs_table({"run": result})).to_dict("records")
    assert spent["epochs"] == spent["member_epochs"] == 4


@pytest.mark.parametrize("duplicates", ["reuse", "retrain"])
def test_lines_say_how_many_networks_were_tried_before(duplicates):
    result = run(Points([A, B]), duplicates=duplicates, budget={"trials": 16})
    told = [describe_generation(r, result.best, "val_loss") for r in result.generations]
    assert [line.split(",")[0] for line in told] == [
        "mine generation 1: 8 trials (6 of networks tried before)",
        "mine generation 2: 8 trials (8 of networks tried before)",
    ]
