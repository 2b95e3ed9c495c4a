"""Tables and statistics of runs: laws, cases made by hand, and the numbers of Optuna and scipy."""

import json
from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.visualization import _optimization_history as optuna_history
from scipy import stats

import hptjax.report as report
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.records import RunDirectory, Status, StudyResult
from hptjax.records.trial import best_trial, rank_trials
from hptjax.report.runs import COLUMNS, UNIT, names_of
from hptjax.report.statistics import holm, magnitude
from hptjax.search import run_study
from tests.fakes import SPACE, FakeExecutor, data, study

STRATEGIES = ("random", "tpe")


def run(**changes):
    return run_study(study(**changes), data(), executor=FakeExecutor())


@pytest.fixture(scope="module")
def runs():
    """Three seeds of two strategies, halved."""
    return {
        f"s{seed}": run(strategies=STRATEGIES, seed=seed, schedule="halving", epochs=4, repeats=2)
        for seed in range(3)
    }


@pytest.fixture(scope="module")
def table(runs):
    return report.runs_table(runs)


def rows(**columns):
    """A table of trials by hand; what is not given is as dull as can be."""
    n = len(columns["value"])
    status = ["trained" if v == v else "diverged" for v in columns["value"]]
    dull = {
        "group": ["a"] * n,
        "run": ["r"] * n,
        "strategy": ["a"] * n,
        "seed": [0] * n,
        "number": range(n),
        "generation": range(n),
        "status": status,
        "told": columns["value"],
        **{cost: [1.0] * n for cost in ("epochs", "member_epochs", "samples", "seconds")},
    }
    return pd.DataFrame(dull | columns)


def test_a_row_for_every_trial_with_its_hparams_and_point(runs, table):
    trials = [trial for result in runs.values() for trial in result.trials]
    assert list(table["number"]) == [trial.number for trial in trials]
    assert list(table["status"]) == [trial.status.value for trial in trials]
    assert report.hparams_of(table) == list(SPACE)
    for name, place in zip(SPACE, range(3), strict=True):
        assert list(table[name]) == [trial.hparams[name] for trial in trials]
        assert list(table[UNIT + name]) == [trial.genotype[place] for trial in trials]


def test_costs_add_up_to_the_ledgers(runs, table):
    ledger = report.ledger_table(runs)
    for cost, key in (("member_epochs",) * 2, ("samples",) * 2, ("seconds", "wall_s")):
        by_trials = table.groupby(["run", "strategy"])[cost].sum()
        by_ledger = ledger.groupby(["run", "strategy"])[key].sum()
        pd.testing.assert_series_equal(by_trials, by_ledger, check_names=False, check_dtype=False)
    assert (table["member_epochs"] == 2 * table["epochs"]).all()
    parts = ledger[["compile_s", "train_s", "searcher_s", "log_s", "other_s"]].sum(axis=1)
    np.testing.assert_allclose(parts, ledger["wall_s"], rtol=0.1)


def test_compiling_is_apart_from_the_time_of_trials(runs):
    """The first strategy of a run compiles for all: that makes the others no faster."""
    (result,) = [runs["s0"]]
    first = result.generations[0]
    slow = {**first.ledger, "compile_s": 50.0, "wall_s": first.ledger["wall_s"] + 50}
    paid = replace(result, generations=(replace(first, ledger=slow), *result.generations[1:]))
    for column in ("seconds", "elapsed"):
        plain, found = (report.runs_table({"s0": r})[column] for r in (result, paid))
        np.testing.assert_allclose(found, plain, atol=1e-9)
    assert report.ledger_table({"s0": paid})["compile_s"].sum() == 50


def test_a_journal_gives_the_same_table(tmp_path):
    config = study(strategies=("random",), budget={"generations": 1})
    with RunDirectory(tmp_path / "r", config.to_dict()) as directory:
        result = run_study(config, data(), executor=FakeExecutor(), journal=directory.journal)
    loaded = report.runs_table(report.load_runs([tmp_path / "r"]))
    pd.testing.assert_frame_equal(loaded, report.runs_table({"r": result}))


def test_points_are_right_where_a_journal_lost_the_order_of_the_axes(runs):
    result = runs["s0"]
    config = json.loads(json.dumps(result.config, sort_keys=True))
    table = report.runs_table({"old": StudyResult(result.generations, result.stops, config)})
    lr = [SPACE["lr"].to_unit(trial.hparams["lr"]) for trial in result.trials]
    np.testing.assert_allclose(table["unit:lr"], lr)


def test_runs_that_differ_in_their_seed_alone_are_one_group(runs, table):
    assert set(table["group"]) == set(STRATEGIES)
    other = {"other": run(strategies=("random",), budget={"generations": 1}, epochs=1)}
    joined = report.join_tables(table, report.runs_table(other))
    assert set(joined["group"]) == {"random, s0", "tpe, s0", "random, other"}
    assert len(joined) == len(table) + 8
    alone = report.runs_table({"x": run(strategies=("random",), schedule="halving", epochs=4)})
    assert set(report.join_tables(alone)["group"]) == {"random"}


def test_an_unbegun_run_has_an_empty_table(table):
    empty = report.runs_table({"empty": StudyResult((), {})})
    assert len(empty) == 0
    assert set(COLUMNS) <= set(empty)
    pd.testing.assert_frame_equal(report.join_tables(empty, table), table)


def test_runs_are_named_by_what_tells_them_apart(tmp_path):
    assert names_of([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    assert names_of([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    with pytest.raises(ConfigError, match="given twice"):
        report.load_runs([tmp_path, tmp_path])
    with pytest.raises(ConfigError, match="not a run"):
        report.load_runs([tmp_path])


def test_best_is_the_same_everywhere(runs, table):
    for name, result in runs.items():
        own = table[table["run"] == name]
        best = best_trial(result.trials)
        assert best.status is Status.TRAINED
        assert min(t.value for t in result.trials if t.value is not None) < np.inf
        assert report.counted_values(own).min() == best.value
        curves = report.best_so_far(own)
        assert curves["best"].min() == best.value
        assert report.generation_statistics(own)["best_so_far"].min() == best.value
        order = [(t.strategy, t.number) for t in rank_trials(result.trials)]
        ranked = report.rank_table(own)
        assert list(zip(ranked["strategy"], ranked["number"], strict=True)) == order


def test_stopped_trials_cost_but_count_only_when_asked():
    table = rows(
        value=[3.0, 1.0, 2.0, np.nan], status=["trained", "stopped", "trained", "diverged"]
    )
    assert list(report.best_so_far(table)["best"]) == [3, 3, 2, 2]
    assert list(report.best_so_far(table)["x"]) == [1, 2, 3, 4]
    assert list(report.best_so_far(table, with_stopped=True)["best"]) == [3, 1, 1, 1]
    for with_stopped, counted, least in ((False, 2, 2.0), (True, 3, 1.0)):
        (row,) = report.strategy_statistics(table, with_stopped=with_stopped).to_dict("records")
        assert (row["n"], row["trained"], row["stopped"], row["failed"]) == (4, 2, 1, 1)
        assert (row["counted"], row["best"], row["epochs"]) == (counted, least, 4)


def test_what_a_generation_costs_is_known_at_its_end():
    table = rows(
        value=[3.0, 2.0, 1.0],
        generation=[0, 0, 1],
        samples=[10.0, 5.0, 20.0],
        elapsed=[7.0, 7.0, 9.0],
    )
    by_samples = report.best_so_far(table, "samples")
    assert by_samples[["x", "best"]].to_numpy().tolist() == [[15, 2], [35, 1]]
    assert list(report.best_so_far(table, "seconds")["x"]) == [7, 9]
    alone = table.assign(generation=pd.NA)
    assert list(report.best_so_far(alone, "samples")["x"]) == [10, 15, 35]
    with pytest.raises(ConfigError, match="one of evaluations, member_epochs"):
        report.best_so_far(table, "epochs")


def test_a_band_is_of_the_runs_at_the_same_expense():
    curves = pd.DataFrame(
        {
            "group": "a",
            "run": ["r", "r", "s", "s", "s"],
            "seed": [0, 0, 1, 1, 1],
            "x": [1.0, 3.0, 2.0, 3.0, 9.0],
            "best": [8.0, 4.0, np.nan, 2.0, 1.0],
        }
    )
    band, end = report.best_band(curves).to_dict("records")
    assert band == {"group": "a", "x": 3, "runs": 2, "low": 2.5, "median": 3, "high": 3.5}
    assert end == {"group": "a", "x": 9, "runs": 2, "low": 1.75, "median": 2.5, "high": 3.25}


def test_generation_statistics_by_hand():
    table = rows(value=[1.0, 3.0, np.nan, 5.0], generation=[0, 0, 0, 1], lr=[0.1] * 4)
    table["unit:lr"] = [0.0, 1.0, 0.5, 0.5]
    first, second = report.generation_statistics(table).to_dict("records")
    assert (first["n"], first["failed"], first["best"], first["mean"]) == (3, 1, 1, 2)
    assert first["sd"] == pytest.approx(2**0.5)
    assert first["spread"] == first["spread:lr"] == pytest.approx(np.std([0, 1, 0.5]))
    assert (second["best"], second["best_so_far"], second["spread"]) == (5, 1, 0)


def test_survivors_are_counted_at_every_age(runs, table):
    alive = report.survivors(table)
    first = alive[(alive["run"] == "s0") & (alive["strategy"] == "tpe")]
    first = first[first["generation"] == 0]
    ages = [trial.age for trial in runs["s0"].trials if trial.strategy == "tpe"][:8]
    assert list(first["trials"]) == [sum(a >= age for a in ages) for age in range(5)]
    assert report.epochs_table(runs).groupby("epoch").size()[4] == sum(table["epochs"] == 4)


def test_the_bootstrap_is_of_the_runs_best_and_seeded(table):
    a, b = (report.strategy_statistics(table, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)
    for _, row in a.iterrows():
        own = table[(table["group"] == row["group"]) & (table["status"] == "trained")]
        best = own.groupby("run")["value"].min()
        assert row["best_mean"] == pytest.approx(best.mean())
        assert best.min() <= row["best_low"] < row["best_mean"] < row["best_high"] <= best.max()
    one = report.strategy_statistics(table[table["run"] == "s0"])
    assert one["best_low"].isna().all()


def test_the_bootstrap_agrees_with_scipys():
    values = np.random.default_rng(0).normal(size=20)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=1
    ).confidence_interval
    np.testing.assert_allclose(report.bootstrap_interval(values), theirs, atol=0.02)


def test_rank_tests_are_scipys_with_failures_last():
    group = ["a"] * 6 + ["b"] * 6
    value = [1.0, 2, 3, 4, 5, 6, 4.5, 5.5, 6.5, 7.5, 8.5, np.nan]
    table = rows(value=value, group=group, strategy=group)
    (test,) = report.rank_tests(table, per="trial").to_dict("records")
    theirs = stats.mannwhitneyu(value[:6], [*value[6:-1], np.inf])
    assert (test["u"], test["p"], test["p_holm"]) == (theirs.statistic, *[theirs.pvalue] * 2)
    assert test["a12"] == pytest.approx(1 - theirs.statistic / 36)  # a is the lower
    kruskal = report.kruskal_test(table, per="trial")
    assert kruskal.p == stats.kruskal(value[:6], [*value[6:-1], np.inf]).pvalue
    assert kruskal.sizes == {"a": 6, "b": 6}
    (test,) = report.rank_tests(table).to_dict("records")  # one run each: nothing to test
    assert (test["n_a"], test["n_b"]) == (1, 1)
    assert np.isnan(test["p"])
    assert test["a12"] == 1
    assert np.isnan(report.kruskal_test(table).p)
    with pytest.raises(ConfigError, match="run or trial"):
        report.rank_tests(table, per="seed")


def test_effect_size_counts_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 12), rng.integers(1, 6, 9)
    pairs = np.subtract.outer(y, x)
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert report.vargha_delaney(x, y) == pytest.approx(expected)
    assert [magnitude(a) for a in (0.5, 0.42, 0.65, 0.2)] == [
        "negligible",
        "small",
        "medium",
        "large",
    ]


def test_holm_by_hand():
    np.testing.assert_allclose(
        holm(np.array([0.04, 0.01, np.nan, 0.03])), [0.06, 0.03, np.nan, 0.06]
    )
    assert holm(np.array([0.9, 0.8])).max() == 1


@pytest.mark.parametrize("space", [SPACE, None])
def test_importances_are_optunas(table, space):
    ours = report.hparam_importances(table, space)
    assert ours.groupby("group")["importance"].sum().to_numpy() == pytest.approx([1, 1])
    own = table[table["group"] == "tpe"]
    theirs = optuna.importance.get_param_importances(
        report.as_optuna_study(own, space),
        evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
    )
    mine = ours[ours["group"] == "tpe"]
    assert dict(zip(mine["hparam"], mine["importance"], strict=True)) == theirs
    assert (mine["trials"] == (own["status"] == "trained").sum()).all()


def test_importances_of_a_single_trial_are_unknown():
    table = rows(value=[1.0], lr=[0.1])
    assert report.hparam_importances(table)["importance"].isna().all()
    with pytest.raises(ConfigError, match="ped-anova, fanova or mdi"):
        report.hparam_importances(table, evaluator="shap")


def test_forests_need_an_extra(table):
    try:
        import sklearn  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        with pytest.raises(MissingExtraError, match="importances"):
            report.hparam_importances(table, evaluator="fanova")
    else:
        assert report.hparam_importances(table, evaluator="fanova")["importance"].notna().all()


def test_best_so_far_is_optunas_history(table):
    own = table[(table["group"] == "tpe") & (table["run"] == "s1")]
    (info,) = optuna_history._get_optimization_history_info_list(
        report.as_optuna_study(own, SPACE), None, "value", False
    )
    best = np.nan_to_num(report.best_so_far(own)["best"], nan=np.inf)
    np.testing.assert_array_equal(best[info.trial_numbers], info.best_values_info.values)


def test_every_public_name_is_where_the_package_says():
    for name in report._HOMES:
        assert getattr(report, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'run_table'"):
        getattr(report, "run_table")  # noqa: B009 - the checker knows that it is missing
