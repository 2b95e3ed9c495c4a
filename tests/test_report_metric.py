"""What the report calls best is what each run's metric calls better; metrics are not mixed."""

from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest

from hptjax import report
from hptjax.errors import ConfigError
from hptjax.records import load_run
from hptjax.records.pareto import pareto_front
from hptjax.report.optuna_journal import OptunaJournalSink, open_storage
from hptjax.report.plots import new_axes, plot_best_so_far, plot_parallel
from hptjax.report.sources import read_source
from hptjax.report.status import read_status
from hptjax.search.run import run_study
from hptjax.study.metrics import find_metric
from tests import fakes
from tests.pages import Reader, charts_of, make_run, series_of
from tests.pages import report as make_report

SEARCH = {"strategies": ("random", "tpe"), "budget": {"generations": 2}}
ACCURACY = fakes.study(**SEARCH, metric="val_accuracy")


@pytest.fixture(scope="module")
def result():
    return run_study(ACCURACY, fakes.data(), executor=fakes.FakeExecutor())


@pytest.fixture(scope="module")
def table(result):
    return report.runs_table({"run": result})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run by accuracy and one by loss, of the same trials."""
    folder = tmp_path_factory.mktemp("runs")
    return (
        make_run(folder / "accuracy", ACCURACY),
        make_run(folder / "loss", fakes.study(**SEARCH)),
    )


def own_values(result, strategy):
    return np.array([t.value for t in result.trials if t.strategy == strategy], float)


def test_statistics_of_a_maximised_metric_are_of_its_best(result, table):
    for _, row in report.strategy_statistics(table).iterrows():
        assert row["best"] == row["best_mean"] == np.nanmax(own_values(result, row["group"]))
    ranked = report.rank_table(table)
    assert ranked["value"].iloc[0] == result.best.value == table["value"].max()
    generations = report.generation_statistics(table)
    assert (generations["best"] >= generations["mean"]).all()
    assert (generations["best_so_far"] >= generations["best"]).all()


def test_best_so_far_of_a_maximised_metric_rises(result, table):
    curves = report.best_so_far(table)
    for strategy, rows in curves.groupby("strategy"):
        expected = np.fmax.accumulate(own_values(result, strategy))
        np.testing.assert_allclose(rows["best"], expected)
    axes = plot_best_so_far(table, new_axes())
    assert axes.get_ylabel() == "best val_accuracy so far"
    low, high = axes.get_ylim()
    assert low < result.best.value < high


def test_tests_call_the_higher_accuracy_better():
    def trials(group, values):
        return pd.DataFrame(
            {
                "group": group, "run": [f"r{k}" for k in range(len(values))], "seed": 0,
                "strategy": group, "number": 0, "status": "trained", "metric": "val_accuracy",
                "direction": "maximize", "value": values, "told": 1 - np.array(values),
            }
        )  # fmt: skip

    table = pd.concat([trials("good", [0.9, 0.8, 0.95]), trials("bad", [0.1, 0.2, np.nan])])
    tests = report.rank_tests(table)
    assert (tests["a"][0], tests["a12"][0], tests["u"][0]) == ("good", 1.0, 0.0)


def test_parallel_coordinates_draw_the_highest_accuracy_on_top(table):
    axes = plot_parallel(table, new_axes())
    drawn = axes.collections[0].get_array()
    assert drawn[-1] == table["value"].max()
    assert list(drawn) == sorted(drawn)
    assert axes.figure.axes[-1].get_ylabel() == "val_accuracy"


def test_importances_are_of_the_best_by_direction(table):
    study = report.as_optuna_study(table[table["strategy"] == "random"])
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == table.loc[table["strategy"] == "random", "value"].max()


def test_optuna_has_the_metric_its_name_and_its_direction(tmp_path):
    sink = OptunaJournalSink(tmp_path / "j", ACCURACY.space, find_metric("val_accuracy"))
    result = run_study(ACCURACY, fakes.data(), executor=fakes.FakeExecutor(), sinks=[sink])
    loaded = optuna.load_study(
        study_name=f"{tmp_path.name}/random", storage=open_storage(tmp_path / "j")
    )
    assert loaded.direction is optuna.study.StudyDirection.MAXIMIZE
    assert loaded.metric_names == ["val_accuracy"]
    assert loaded.best_value == np.nanmax(own_values(result, "random"))


def test_different_metrics_are_refused_wherever_trials_are_compared(runs):
    table = report.runs_table(report.load_runs(runs))
    for compare in (
        report.rank_table, report.best_so_far, report.strategy_statistics, report.rank_tests,
        report.kruskal_test, report.generation_statistics,
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=r"different metrics \(val_accuracy, val_loss\)"):
            compare(table)
    for metric, rows in table.groupby("metric"):
        assert set(report.rank_table(rows)["metric"]) == {metric}


def test_the_page_gives_each_metric_a_part_of_its_own(runs, tmp_path):
    make_report(*runs, "--out", tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "not ranked against each other" in text
    assert "val_accuracy (higher is better)" in text
    assert "val_loss (lower is better)" in text
    found = Reader(text)
    assert len(found.ids) == len(set(found.ids))
    boards = [table for table in found.tables if table[0][0] == "rank"]
    assert [board[0][3] for board in boards] == ["val_accuracy", "val_loss"]
    for board, sign in zip(boards, (-1, 1), strict=True):
        values = [float(row[3]) for row in board[1:] if row[3]]
        assert len(values) > 20
        assert values == sorted(values, key=lambda value: sign * value)
        assert len({row[1].split(":")[0] for row in board[1:]}) == 1
    compared = [table for table in found.tables if "p value (Holm)" in table[0]]
    assert len(compared) == 2
    assert "What runs of different seeds reached" not in text  # each metric has but one run
    for names in ({row[0].split(":")[0] for row in table[1:]} for table in compared):
        assert len(names) == 1
    drawn = charts_of(text)
    rising = series_of(drawn["best-so-far"])["accuracy: tpe"]
    curve = [value for value in rising["y"] if value is not None]
    assert curve == sorted(curve)
    assert len(series_of(drawn["best-so-far-val-loss-minimize"])) == 2


def test_the_page_of_one_metric_names_it(runs, tmp_path):
    make_report(runs[0], "--out", tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "higher is better" in text
    assert "val_accuracy 0." in text
    assert "not ranked against" not in text


def test_the_page_tells_compiling_apart(tmp_path, monkeypatch):
    advance = fakes.FakePopulation.advance

    def compiling(self, epochs, **options):
        outcome = advance(self, epochs, **options)
        cost = replace(outcome.cost, compile_s=7.0) if self.age == 1 else outcome.cost
        return replace(outcome, cost=cost)

    monkeypatch.setattr(fakes.FakePopulation, "advance", compiling)
    path = make_run(tmp_path / "run", ACCURACY)
    make_report(path)
    text = (path / "report" / "report.html").read_text()
    (rows,) = (table for table in Reader(text).tables if "stopped by" in table[0])
    for row in rows[1:]:
        cells = dict(zip(rows[0], row, strict=True))
        assert cells["compiling (s)"] == "14"  # of two generations
        assert float(cells["training (s)"]) < 1
        assert float(cells["wall time without compiling (s)"]) < 5
    assert "wall time without compiling (s)" in text
    status = read_status(path)
    assert [strategy.compiling for strategy in status.strategies] == [14.0, 14.0]


def test_the_page_says_where_numbers_are_means(runs, tmp_path):
    repeated = make_run(tmp_path / "run", fakes.study(**SEARCH, repeats=2))
    for path, said in ((repeated, True), (runs[1], False)):
        make_report(path, "--out", tmp_path / "out")
        text = (tmp_path / "out" / "report.html").read_text()
        assert ("their numbers are means over the repetitions" in text) == said


def test_the_page_shows_which_trials_no_other_beats_in_all_objectives(tmp_path):
    study = fakes.study(strategies=("random",), objectives=["parameters"])
    path = make_run(tmp_path / "run", study)
    make_report(path)
    text = (path / "report" / "report.html").read_text()
    (board,) = (table for table in Reader(text).tables if table[0][0] == "rank")
    rows = [dict(zip(board[0], row, strict=True)) for row in board[1:]]
    front = pareto_front(load_run(path).trials, load_run(path).goals)
    assert {row["trial"] for row in rows if row["on the front"]} == {str(t.number) for t in front}
    assert 0 < len(front) < len(rows)
    menu = [view["label"] for view in charts_of(text)["values-0"]["views"]]
    assert menu[:2] == ["trial", "parameters"]
    assert "parameters" not in read_source(path).hparams
    table = report.runs_table({"run": load_run(path)})
    assert "parameters" not in set(report.hparam_importances(table)["hparam"])


def test_the_epoch_that_a_trial_is_judged_by_is_no_hparam(tmp_path):
    study = fakes.study(strategies=("random",), select="best_epoch", epochs=4)
    path = make_run(tmp_path / "run", study)
    table = report.runs_table({"run": load_run(path)})
    assert table["epoch"].notna().any()
    assert "epoch" not in report.hparams_of(table)
    make_report(path)
    text = (path / "report" / "report.html").read_text()
    (board,) = (table for table in Reader(text).tables if table[0][0] == "rank")
    best = load_run(path).best
    row = dict(zip(board[0], board[1], strict=True))
    assert row["epoch"] == str(best.epoch)
    said = "as it was after epoch" if best.epoch < 4 else "after 4 epochs of training"
    assert said in text
