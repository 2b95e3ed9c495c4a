"""A run whose task has no accuracy: its metrics go by name into every file, table and picture."""

import io
import json
from itertools import count

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from hptjax import report
from hptjax.cli import main as cli
from hptjax.errors import DataError
from hptjax.records.goal import Goal
from hptjax.records.journal import Journal
from hptjax.records.metrics import CLASSIFICATION, in_order, known_direction
from hptjax.records.run_dir import load_run
from hptjax.report.console import leaderboard, other_metric
from hptjax.report.figures import pictures_of, render
from hptjax.report.optuna_journal import OptunaJournalSink, open_storage
from hptjax.report.plots import new_axes, plot_learning_curves
from hptjax.report.progress import ProgressLines
from hptjax.report.sources import join_sources, read_sources
from hptjax.report.status import read_status, status_table
from hptjax.report.tables import epochs_frame, trials_frame, write_tables
from hptjax.report.tensorboard import TensorBoardSink
from hptjax.search.run import run_study
from hptjax.study.metrics import find_metric
from tests import fakes
from tests.pages import Reader, make_run
from tests.pages import report as make_report

METRICS = ("train_loss", "val_loss", "val_mae", "val_r2", "val_rmse")
CONFIG = fakes.study(
    strategies=("random", "tpe"),
    budget={"generations": 2},
    schedule={"name": "halving", "reduction": 2},
    epochs=3,
    repeats=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, with all that watches one."""
    path, out = tmp_path_factory.mktemp("runs") / "run", io.StringIO()
    sinks = [
        ProgressLines(out, "val_loss", clock=count(step=10).__next__),
        OptunaJournalSink(path / "optuna.journal", CONFIG.space, find_metric("val_loss")),
        TensorBoardSink(path / "tb", CONFIG.space, CONFIG.labels, Goal(), METRICS),
    ]
    make_run(path, CONFIG, fakes.FakeRegression, sinks=sinks)
    write_tables(load_run(path), path)
    (path / "lines.txt").write_text(out.getvalue())
    return path


def test_the_journal_keeps_the_metrics_by_name_and_in_order(run):
    result = load_run(run)
    trained = [trial for trial in result.trials if trial.age]
    assert len(trained) > 20
    assert all(tuple(trial.epochs) == METRICS for trial in trained)
    assert all(tuple(trial.spread) == METRICS for trial in trained)
    lines = (run / "journal.jsonl").read_text().splitlines()
    assert not any("accuracy" in line for line in lines)


def test_the_tables_have_the_metrics_and_no_others(run):
    result = load_run(run)
    trials, epochs = pd.read_csv(run / "trials.csv"), pd.read_csv(run / "epochs.csv")
    told = list(trials).index("told")
    assert tuple(trials)[told + 1 : told + 7] == (*METRICS, "epochs")
    assert tuple(epochs) == ("strategy", "number", "epoch", *METRICS)
    number = result.best.number
    own = epochs[(epochs["strategy"] == result.best.strategy) & (epochs["number"] == number)]
    assert own["val_r2"].to_list() == pytest.approx(list(result.best.epochs["val_r2"]))
    empty = trials_frame([], "val_loss"), epochs_frame([])
    assert all(set(CLASSIFICATION) <= set(frame) for frame in empty)


def test_a_table_of_runs_takes_no_metric_for_an_hparam(run, tmp_path):
    other = make_run(tmp_path / "other", fakes.study(budget={"generations": 1}))
    table = report.runs_table(report.load_runs([run, other]))
    assert report.hparams_of(table) == list(fakes.SPACE)
    both = in_order({*METRICS, *CLASSIFICATION})
    told = list(table).index("told")
    assert tuple(table)[told + 1 : told + 1 + len(both)] == both
    assert table.groupby("run")["val_mae"].count().to_dict()["other"] == 0
    ledger = report.ledger_table(report.load_runs([run]))
    assert list(ledger)[-7:-2] == ["members", "compile_s", "train_s", "searcher_s", "log_s"]


def test_every_picture_is_drawn(run):
    sources = read_sources([run])
    pictures = pictures_of(join_sources(sources), sources)
    assert {"learning-curves", "values-by-strategy"} <= {picture.name for picture in pictures}
    for picture in pictures:
        assert render(picture).get_figure() is not None


def test_learning_curves_call_better_what_the_measure_calls_better(run):
    epochs = report.epochs_table(report.load_runs([run]))
    last = epochs[(epochs["epoch"] == 3) & (epochs["group"] == "random")]
    for metric, direction in (("val_r2", "max"), ("val_mae", "min")):
        axes = plot_learning_curves(epochs, new_axes(), metric)
        bold = axes.lines[0].get_ydata()
        assert bold[-1] == getattr(last[metric], direction)()
    axes = plot_learning_curves(epochs, new_axes(), "val_mae", direction="maximize")
    assert axes.lines[0].get_ydata()[-1] == last["val_mae"].max()


def test_the_page_shows_the_first_measure_beside_the_loss(run, tmp_path):
    make_report(run, "--out", tmp_path)
    text = (tmp_path / "report.html").read_text()
    (board,) = (table for table in Reader(text).tables if table[0][0] == "rank")
    assert board[0][3:5] == ["val_loss", "val_mae"]
    assert len(board[1][4].split(".")[1]) == 4
    assert "accuracy" not in "".join(map(str, Reader(text).tables))


def test_terminals_show_it_too(run, capsys):
    console = Console(width=160, record=True, file=io.StringIO())
    result = load_run(run)
    console.print(leaderboard(result.trials, result.goal))
    console.print(status_table(read_status(run)))
    text = console.export_text()
    assert "val_mae" in text
    assert f"mae {result.best.last('val_mae'):.4f}" in text
    assert "acc" not in text
    for command in (["status"], ["watch", "--once"]):
        assert cli.main([command[0], str(run), *command[1:]]) == 0
    assert f"{result.best.value:.4f}" in capsys.readouterr().out
    assert "lowest val_loss" in (run / "lines.txt").read_text()


def test_beside_a_measure_the_loss_is_shown():
    goals = {name: find_metric(name).goal for name in ("val_loss", "val_accuracy")}
    assert other_metric(goals["val_loss"], METRICS) == "val_mae"
    assert other_metric(goals["val_loss"], CLASSIFICATION) == "val_accuracy"
    assert other_metric(goals["val_accuracy"], CLASSIFICATION) == "val_loss"
    assert other_metric(goals["val_loss"], ("train_loss", "val_loss")) == "val_loss"


def test_optuna_and_tensorboard_have_the_metrics(run):
    import optuna

    storage = open_storage(run / "optuna.journal")
    study = optuna.load_study(study_name=f"{run.name}/random", storage=storage)
    attributes = [t.user_attrs for t in study.trials if t.user_attrs.get("val_mae") is not None]
    assert all(a["val_r2"] == pytest.approx(1 - 2 * a["val_mae"], abs=1e-6) for a in attributes)
    assert len(attributes) > 8
    files = sorted((run / "tb" / "random").rglob("*tfevents*"))
    events = EventFileLoader(str(files[0])).Load()
    tags = {value.tag for event in events for value in event.summary.value}
    assert {name.replace("_", "/", 1) for name in METRICS} < tags
    (start,) = (run / "tb").glob("*tfevents*")
    assert b"val_rmse" in start.read_bytes()
    assert b"accuracy" not in start.read_bytes()


def test_a_journal_that_lacks_a_curve_is_refused(run, tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        for line in (run / "journal.jsonl").read_text().splitlines():
            record = json.loads(line)["record"]
            for trial in record.get("trials", [])[-1:]:
                trial["epochs"].pop("val_mae", None)
            journal.append(record)
    with pytest.raises(DataError, match="curves of other names"):
        load_run(tmp_path)


def test_a_resumed_run_ends_with_the_same_trials(run, tmp_path):
    whole = load_run(run)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[:-3]))
    with Journal(tmp_path / "journal.jsonl") as journal:
        again = run_study(
            CONFIG, fakes.data(), journal=journal, executor=fakes.FakeRegression(),
            snapshots=tmp_path / "snapshots",
        )  # fmt: skip
    assert again.trials == whole.trials
    assert np.isfinite(again.best.last("val_r2"))


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("val_top_5_accuracy", "maximize"), ("val_recall_12", "maximize"), ("val_r2", "maximize"),
     ("train_rmse", "minimize"), ("val_mine", None), ("loss", None), ("val_r22", None)],
)  # fmt: skip
def test_directions_are_known_by_name(metric, direction):
    assert known_direction(metric) == direction
