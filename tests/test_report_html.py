"""`hptjax report`: one page that needs nothing else, whatever the runs hold."""

import numpy as np
import pandas as pd
import pytest

from hptjax.cli import main as cli
from hptjax.records import GenerationRecord, RunDirectory, Status, TrialRecord, load_run
from hptjax.records.environment import environment, note_environment, read_environments
from hptjax.report import Source, named_sources, page, read_source, runs_table
from hptjax.report.charts import values_against
from hptjax.report.comparison import summary_table
from hptjax.report.figures import pictures_of, render
from hptjax.report.page import Section
from hptjax.report.parallel import parallel_coordinates
from hptjax.report.sources import join_sources
from hptjax.space import Categorical, Float, Integer
from tests import fakes
from tests.pages import Reader, charts_of, make_run, report, series_of

SEARCH = {"strategies": ("random", "tpe"), "budget": {"generations": 2}}
CONFIG = fakes.study(**SEARCH)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "run", CONFIG)


@pytest.fixture(scope="module")
def text(run):
    """The page about it."""
    report(run)
    return (run / "report" / "report.html").read_text()


def test_the_page_needs_no_network_and_names_everything_once(text):
    found = Reader(text)
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_the_leaderboard_holds_every_trial_best_first(run, text):
    tables = Reader(text).tables
    (board,) = [table for table in tables if table[0][0] == "rank"]
    trials = load_run(run).trials
    assert len(board) == len(trials) + 1
    row = dict(zip(board[0], board[1], strict=True))
    best = load_run(run).best
    assert (row["search"], row["trial"]) == (best.strategy, str(best.number))
    assert float(row["val_loss"]) == pytest.approx(best.value, abs=1e-3)
    assert float(row["lr"]) == pytest.approx(best.hparams["lr"], rel=1e-3)


def test_best_so_far_is_the_running_minimum_of_each_strategy(run, text):
    traces = series_of(charts_of(text)["best-so-far"])
    for strategy in ("random", "tpe"):
        values = [t.value for t in load_run(run).trials if t.strategy == strategy]
        expected = np.fmin.accumulate(np.array(values, float))
        drawn = np.array(traces[strategy]["y"], float)
        np.testing.assert_allclose(drawn, expected, rtol=1e-4)
        assert traces[strategy]["x"] == list(range(1, len(values) + 1))


def test_runs_stand_side_by_side_under_names_of_their_own(run, tmp_path):
    other = make_run(tmp_path / "run", fakes.study(strategies=("random",), seed=5))
    report(run, other, "--out", tmp_path / "both")
    text = (tmp_path / "both" / "report.html").read_text()
    assert set(series_of(charts_of(text)["best-so-far"])) == {
        "run (1): random",
        "run (1): tpe",
        "run (2): random",
    }


def test_runs_that_differ_in_their_seed_are_one_group(run, tmp_path):
    other = make_run(tmp_path / "other", fakes.study(**SEARCH, seed=5))
    report(run, other, "--out", tmp_path / "both")
    text = (tmp_path / "both" / "report.html").read_text()
    (groups,) = [table for table in Reader(text).tables if table[0][:2] == ["search", "runs"]]
    bests = [
        min(t.value for t in load_run(path).trials if t.strategy == "tpe" and t.value is not None)
        for path in (run, other)
    ]
    row = dict(zip(groups[0], groups[2], strict=True))
    assert (row["search"], row["runs"]) == ("tpe", "2")
    assert float(row["mean best"]) == pytest.approx(np.mean(bests), abs=1e-4)
    assert float(row["from"]) == pytest.approx(min(bests), abs=1e-4)  # of two runs drawn: both ends
    assert float(row["to"]) == pytest.approx(max(bests), abs=1e-4)
    traces = series_of(charts_of(text)["best-so-far"])
    first, second = traces["run: tpe"], traces["other: tpe"]
    assert first["color"] == second["color"]
    assert first.get("dash") != second.get("dash")


def test_text_of_users_stays_text(tmp_path):
    """A label and a reason that look like HTML."""
    label = "<b>&lt; </script><script>bad()"
    label = label.replace("/", "")
    config = fakes.study(strategies=("random",))
    recorded = config.to_dict() | {"strategies": [{"name": "random", "label": label}]}
    point = (0.5,) * len(config.space)
    trial = TrialRecord(
        *(label, 0, 0, point, config.space.decode(point)),
        status=Status.INFEASIBLE,
        reason="<img src=x>",
    )
    with RunDirectory(tmp_path / "run", recorded) as directory:
        ledger = {"wall_s": 1.0, "train_s": 0.0, "member_epochs": 0, "samples": 0}
        directory.journal.append(GenerationRecord(label, 0, (trial,), ledger).to_dict())
    report(tmp_path / "run")
    text = (tmp_path / "run" / "report" / "report.html").read_text()
    assert "<script>bad()" not in text
    assert "<img src=x>" not in text
    assert any(label in row for table in Reader(text).tables for row in table)


def test_a_run_without_a_result_is_refused(tmp_path, capsys):
    with RunDirectory(tmp_path / "run", CONFIG.to_dict()):
        pass
    assert cli.main(["report", str(tmp_path / "run")]) == 2
    assert "no trial is recorded yet" in capsys.readouterr().err


def test_what_is_no_run_is_said_in_one_line(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"hptjax: {tmp_path}: not a run (it has no journal.jsonl).\n"


def test_axes_of_the_parallel_coordinates_follow_the_space():
    trials = pd.DataFrame(
        {
            "series": "des",
            "number": [0, 1, 2],
            "lr": [0.001, 0.1, 0.01],
            "stride": [1, 2, 3],
            "bn": [True, False, True],
            "act": ["relu", "tanh", "relu"],
            "value": [0.5, 0.7, None],
        }
    )
    space = {
        "lr": Float(0.001, 0.1, log=True),
        "stride": Integer(1, 3),
        "bn": Categorical((False, True)),
    }
    drawn = parallel_coordinates(trials, ["lr", "stride", "bn", "act"], space)
    axes = {axis["label"]: axis for axis in drawn["axes"]}
    assert axes["lr"]["at"] == [1, 0]  # the failed trial is not drawn; what is better comes last
    assert axes["lr"]["ticks"] == [[0, "0.001"], [0.5, "0.01"], [1, "0.1"]]
    assert axes["stride"]["ticks"] == [[0, "1"], [0.5, "2"], [1, "3"]]
    assert axes["bn"]["ticks"] == [[0, "False"], [1, "True"]]
    assert axes["bn"]["at"] == [0, 1]
    assert [text for _, text in axes["act"]["ticks"]] == ["relu", "tanh"]
    assert drawn["names"] == ["des/1: 0.7000", "des/0: 0.5000"]
    assert drawn["colors"][0] != drawn["colors"][1]


def test_choices_of_numbers_stand_by_name_beside_runs_that_lack_them():
    trials = pd.DataFrame(
        {
            "series": "des",
            "number": [0, 1, 2],
            "kernel": [3.0, 5.0, 3.0],  # as a table is where another run has no such hparam
            "flag": [True, False, None],
            "value": [0.5, 0.7, 0.6],
            "status": "trained",
        }
    )
    space = {"kernel": Categorical((5, 3)), "flag": Categorical((False, True))}
    looks = {"des": ("#000000", "-")}
    views = {v["label"]: v for v in values_against(trials, list(space), space, looks)["views"]}
    assert views["kernel"]["x"]["categories"] == ["5", "3"]
    assert views["kernel"]["series"][0]["x"] == [1, 0, 1]
    assert views["flag"]["series"][0]["x"] == [1, 0]
    drawn = {axis["label"]: axis for axis in parallel_coordinates(trials, space, space)["axes"]}
    assert drawn["kernel"]["ticks"] == [[0, "5"], [1, "3"]]
    assert drawn["kernel"]["at"] == [0, 1, 1]  # the best one last
    assert [text for _, text in drawn["flag"]["ticks"]] == ["False", "True", "inactive"]


def test_cells_sort_by_their_exact_value():
    text = page.table(("a", "b"), [[0.123456789, "x"], [None, "y"]], text=("b",), sortable="t")
    assert '<td data-key="0.123456789">0.1235</td>' in text
    assert '<td data-key=""></td>' in text
    assert Section("Best so far", "").anchor == "section-best-so-far"


def test_the_environment_is_noted_where_it_changes(tmp_path):
    first, second = (
        environment(["cpu:0 cpu"], kernels=True),
        environment(["cuda:0 H200"], kernels=True),
    )
    for found in (first, first, second, first):
        note_environment(tmp_path, found)
    assert read_environments(tmp_path) == [first, second, first]
    assert first["packages"]["jax"][0].isdigit()
    for damaged in ("[", "7", '[{"devices": 3}]', "[" * 10**5):  # nothing depends on it
        (tmp_path / "environment.json").write_text(damaged)
        assert read_environments(tmp_path) == []
        note_environment(tmp_path, second)
        assert read_environments(tmp_path) == [second]


def test_a_table_of_ones_own_stands_beside_a_run(run):
    trials = runs_table({"mine": load_run(run)}).query("strategy == 'tpe'")
    sources = named_sources([read_source(run), Source.from_table("mine", trials)])
    found = summary_table(join_sources(sources), sources)
    assert found["search"].tolist() == ["run: random", "run: tpe", "mine: tpe"]
    assert found["best"][1] == found["best"][2]
    assert found["stopped by"].isna().tolist() == [False, False, True]


def test_figures_are_files_of_the_formats_asked_for(run, tmp_path):
    report(run, "--out", tmp_path / "out", "--formats", "png", "svg")
    files = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"values-by-strategy.png", "values-by-strategy.svg"} < files
    assert {"best-so-far-seconds.png", "evaluations-tpe.svg"} < files
    text = (tmp_path / "out" / "report.html").read_text()
    shown = text.count('<img src="data:image/png;base64')
    assert 0 < shown < sum(name.endswith(".png") for name in files)  # no chart's still picture


def test_still_pictures_show_the_numbers(run):
    sources = {"run": read_source(run)}
    tables = join_sources(sources)
    pictures = {p.name: p for p in pictures_of(tables, sources)}
    axes = render(pictures["best-so-far-member-epochs"])
    curves = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    for strategy, line in zip(("random", "tpe"), curves, strict=True):
        own = tables.trials[tables.trials["strategy"] == strategy]
        ends = np.diff(own["generation"].to_numpy(int), append=-1) != 0
        best = np.fmin.accumulate(own["value"].to_numpy())
        np.testing.assert_allclose(line.get_ydata(), best[ends])  # generations are trained whole
        assert line.get_xdata()[-1] == own["epochs"].sum()
    axes = render(pictures["evaluations-tpe"])
    assert len(axes.patches) == 1  # the second of two generations is shaded


def test_open_shows_the_page_in_the_browser(run, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    report(run, "--out", tmp_path / "out", "--open")
    assert shown == [(tmp_path / "out" / "report.html").as_uri()]
