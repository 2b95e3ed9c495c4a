"""An option of a part that is not chosen has no value anywhere, and nothing breaks by that."""

import io

import optuna
import pandas as pd
import pytest
import yaml
from rich.console import Console

from hptjax.cli import main as cli
from hptjax.errors import ConfigError
from hptjax.records import load_run
from hptjax.records.journal import read_journal
from hptjax.report import hparam_importances, runs_table
from hptjax.report.console import leaderboard
from hptjax.report.numbers import generation_statistics
from hptjax.report.optuna_journal import open_storage
from hptjax.report.tables import trials_frame
from hptjax.search import run_study
from hptjax.space import Categorical, Float, Space
from hptjax.study.warm_start import warm_started
from hptjax.transpile.problem import Problem
from tests import fakes
from tests.commands import pretend_training
from tests.pages import Reader, charts_of, report
from tests.test_report_tensorboard import plugin, read
from tests.test_study_resume import journalled, lasting

MOMENTUM, NESTEROV, BETA = "optimizer.sgd.momentum", "optimizer.sgd.nesterov", "beta_1"
SPACE = Space(
    {
        MOMENTUM: Float(0.5, 0.9),  # before the choice that it hangs on
        "lr": Float(0.001, 0.08, log=True),
        "optimizer": Categorical(("adam", "sgd")),
        NESTEROV: Categorical((False, True)),
        BETA: Float(0.8, 0.95),
    }
)
MEANT = {"adam": {"lr", "optimizer", BETA}, "sgd": {MOMENTUM, "lr", "optimizer", NESTEROV}}
TREE = {
    "model": fakes.model(),
    "space": SPACE.to_dict(),
    "data": {"source": "sample", "train_limit": 100},
    "strategies": ["random"],
    "population_size": 12,
    "budget": {"generations": 2},
    "seed": 1,
}
IMAGE = fakes.data().image


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of the command line."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "study.yaml").write_text(yaml.safe_dump(TREE, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        pretend_training(patch)
        assert cli.main(["run", str(folder / "study.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def trials(run):
    return load_run(run).trials


def test_a_trial_has_what_means_something_beside_its_optimizer_and_a_whole_point(trials):
    assert {trial.hparams["optimizer"] for trial in trials} == {"adam", "sgd"}
    for trial in trials:
        whole = SPACE.decode(trial.genotype)
        assert set(trial.hparams) == MEANT[whole["optimizer"]]
        assert trial.hparams == {name: whole[name] for name in trial.hparams}


def test_trials_csv_has_the_columns_of_the_space_and_empty_cells(run, trials):
    frame = pd.read_csv(run / "trials.csv")
    assert [name for name in frame if name in SPACE] == list(SPACE)
    for k, trial in enumerate(trials):
        assert {name for name in SPACE if pd.notna(frame[name][k])} == set(trial.hparams)


def test_a_column_stands_there_where_no_trial_has_a_value(run):
    (record, *_), names = load_run(run).generations, SPACE.names
    adams = tuple(trial for trial in record.trials if trial.hparams["optimizer"] == "adam")
    only = type(record)(record.strategy, 0, adams, record.ledger)
    frame = trials_frame([only], "val_loss", names)
    assert [name for name in frame if name in SPACE] == list(names)
    assert frame[MOMENTUM].isna().all()


def test_optuna_and_tensorboard_have_no_such_parameter(run, trials):
    storage = open_storage(run / "optuna.journal")
    loaded = optuna.load_study(study_name=f"{run.name}/random", storage=storage)
    for trial, theirs in zip(trials, loaded.trials, strict=True):
        assert theirs.params == trial.hparams
        start = plugin(read(run / "tb" / f"random/trial-{trial.number:05d}"), "session_start_info")
        assert set(start.session_start_info.hparams) == {"strategy", *trial.hparams}


def test_the_leaderboard_and_status_leave_it_out(run, trials, capsys):
    table = leaderboard(trials, load_run(run).goal, rows=len(trials))
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(table)
    rows = [line for line in console.export_text().splitlines() if "optimizer=" in line]
    assert len(rows) == len(trials)
    for row in rows:
        assert (MOMENTUM in row) == ("optimizer=sgd" in row)
    assert cli.main(["status", str(run)]) == 0
    assert capsys.readouterr().out


def test_numbers_are_of_the_trials_where_it_was_active(run, trials):
    table = runs_table({"run": load_run(run)})
    active = table["optimizer"] == "sgd"
    assert (table[f"unit:{MOMENTUM}"].notna() == active).all()
    assert table[f"unit:{BETA}"].isna().equals(active)
    found = hparam_importances(table, SPACE).set_index("hparam")["importance"]
    assert set(found.index) == set(SPACE)
    assert found.notna().all()
    assert found.sum() == pytest.approx(1)
    spread = generation_statistics(table)[f"spread:{MOMENTUM}"]
    own = table[active].groupby("generation")[f"unit:{MOMENTUM}"].std(ddof=0)
    assert spread.tolist() == pytest.approx(own.tolist())


def test_the_page_shows_where_it_is_inactive(run, trials):
    report(run)
    text = (run / "report" / "report.html").read_text()
    (board,) = (table for table in Reader(text).tables if table[0][0] == "rank")
    place, chosen = board[0].index(MOMENTUM), board[0].index("optimizer")
    empty = {row[chosen]: row[place] for row in board[1:] if row[chosen] == "adam"}
    assert set(empty.values()) == {""} or set(empty.values()) == {"-"}
    (chart,) = (chart for name, chart in charts_of(text).items() if "parallel" in name)
    axes = {axis["label"]: axis for axis in chart["axes"]}
    adams = sum(
        trial.hparams["optimizer"] == "adam" and trial.value is not None for trial in trials
    )
    assert axes[MOMENTUM]["at"].count(0) == adams
    for label in (MOMENTUM, NESTEROV):
        assert "inactive" in [text for _, text in axes[label]["ticks"]]


def test_a_resumed_study_gives_the_same_records(tmp_path):
    config = fakes.study(SPACE, strategies=("random", "tpe"), budget={"generations": 3})
    journalled(tmp_path / "whole", config=config)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "torn").write_bytes(b"".join(lines[: len(lines) // 2]))
    journalled(tmp_path / "torn", config=config)
    assert lasting(tmp_path / "torn") == lasting(tmp_path / "whole")


def test_a_run_that_noted_every_hparam_is_resumed_and_reported(tmp_path, monkeypatch):
    config = fakes.study(SPACE, strategies=("random",), budget={"generations": 2})
    with monkeypatch.context() as patch:
        patch.setattr(Problem, "active", lambda self, hparams: hparams)
        patch.setattr(Space, "active", lambda self, hparams: dict(hparams))
        journalled(tmp_path / "old", config=config)
    before = read_journal(tmp_path / "old")[0]
    longer = fakes.study(SPACE, strategies=("random",), budget={"generations": 3})
    result = journalled(tmp_path / "old", config=longer)
    assert read_journal(tmp_path / "old")[0][: len(before) - 1] == before[:-1]
    old, new = result.trials[:16], result.trials[16:]
    assert all(set(trial.hparams) == set(SPACE) for trial in old)
    assert all(set(trial.hparams) == MEANT[trial.hparams["optimizer"]] for trial in new)
    assert len(runs_table({"run": result})) == 24


@pytest.mark.parametrize("source", ["run", "trials"])
def test_a_warm_start_leaves_out_what_is_inactive(run, trials, source):
    start = {"best": 24, **({"run": str(run)} if source == "run" else {})}
    if source == "trials":
        start["trials"] = str(run / "trials.csv")
    study = warm_started(fakes.study(SPACE, warm_start=start))
    assert {point["optimizer"] for point in study.first} == {"adam", "sgd"}
    for point in study.first:
        assert set(point) == MEANT[point["optimizer"]]
        assert any(trial.hparams == pytest.approx(point) for trial in trials)


def test_a_warm_start_puts_what_the_other_run_lacks_in_the_middle(run):
    space = Space({**SPACE, "mlp_do_l0": Float(0.0, 0.3)})
    (point,) = warm_started(fakes.study(space, warm_start={"run": str(run)})).first
    assert point["mlp_do_l0"] == 0.15


def test_a_warm_start_refuses_a_run_that_has_nothing_of_the_space(run):
    space = Space({"mlp_do_l0": Float(0.0, 0.3)})
    with pytest.raises(ConfigError, match=r"trial random/\d+ of .*: it has no hparam of the space"):
        warm_started(fakes.study(space, warm_start={"run": str(run)}))


def test_points_that_differ_in_what_is_inactive_alone_are_one():
    space = Space(
        {
            "optimizer": Categorical(("adam", "sgd")),
            "optimizer.sgd.momentum": Categorical((0.5, 0.7, 0.9)),
        }
    )
    config = fakes.study(space, strategies=("random",), budget={"generations": 50})
    result = run_study(config, fakes.data(), executor=fakes.FakeExecutor())
    assert result.stops == {"random": "search exhausted: every point was tried"}
    assert sum(trial.was_trained for trial in result.trials) == 4
    assert Problem(config.model, space, IMAGE).space.size() == 4


def test_changes_tell_nothing_of_what_is_inactive():
    problem = Problem(fakes.study(SPACE).model, SPACE, IMAGE)
    whole = {MOMENTUM: 0.6, "lr": 0.01, "optimizer": "sgd", NESTEROV: 0.7, BETA: 0.9}
    assert [change.path for change in problem.build(whole).changes] == [NESTEROV]
    assert not problem.build({**whole, "optimizer": "adam"}).changes
