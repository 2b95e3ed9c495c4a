"""Warm start: the best hparams of another run come first, are read once, and are recorded."""

import shutil

import pandas as pd
import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.errors import ConfigError
from hptjax.records import load_run
from hptjax.records.trial import rank_trials
from hptjax.search import run_study
from hptjax.space import Categorical, Integer, Space
from hptjax.study.config import StudyConfig
from hptjax.study.warm_start import warm_started
from tests import fakes
from tests.commands import pretend_training

TREE = {
    "model": fakes.model(),
    "space": fakes.SPACE.to_dict(),
    "data": {"source": "sample", "train_limit": 100},
    "strategies": ["random", "tpe"],
    "population_size": 6,
    "budget": {"generations": 2},
    "tensorboard": False,
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs small.yaml under other options; the first run, `old`, is there."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(TREE, sort_keys=False))

    def run(*words):
        return cli.main(["run", "small.yaml", *words])

    assert run("--out", "old") == 0
    return run


def config_of(path):
    return yaml.safe_load((path / "config.yaml").read_text())


def best_of(path, count):
    points = []
    for trial in rank_trials(load_run(path).trials):
        if trial.hparams not in points:
            points.append(trial.hparams)
    return points[:count]


def test_the_best_trials_are_tried_first_and_recorded(run, tmp_path):
    assert run("--warm-start", "old", "--best", "3", "--out", "new", "--seed", "9") == 0
    config = config_of(tmp_path / "new")
    assert config["first"] == best_of("old", 3)
    source = str(tmp_path / "old")  # whatever folder it is resumed from
    assert config["warm_start"] == {"run": source, "trials": None, "best": 3, "resolved": True}
    assert StudyConfig.from_dict(config).first == tuple(best_of("old", 3))


def test_a_resumed_run_does_not_read_the_other_one_again(run, tmp_path):
    words = ("--warm-start", "old", "--best", "2", "--out", "new", "--seed", "9")
    assert run(*words) == 0
    first = config_of(tmp_path / "new")["first"]
    shutil.rmtree(tmp_path / "old")
    assert run(*words, "--generations", "3") == 0
    assert config_of(tmp_path / "new")["first"] == first
    assert len(load_run("new").trials) == 2 * 18
    again = ["run", "new/config.yaml", "--out", "new"]  # the recorded config names nobody else
    assert cli.main(again) == 0


def test_another_warm_start_in_the_same_directory_is_refused(run, capsys):
    assert run("--warm-start", "old", "--out", "new") == 0
    capsys.readouterr()
    assert run("--warm-start", "old", "--best", "2", "--out", "new") == 2
    assert "new holds another study (first: " in capsys.readouterr().err


def test_a_table_of_trials_is_as_good_as_its_run(run, tmp_path):
    assert run("--warm-start", "old/trials.csv", "--best", "3", "--out", "new") == 0
    assert config_of(tmp_path / "new")["first"] == best_of("old", 3)
    (tmp_path / "mine.csv").write_text(
        "value,lr,resnet_stride_l0,mlp_bn_l0\n0.5,0.02,2.0,true\n0.4,0.01,1,False\n,0.03,1,True\n"
    )
    assert run("--warm-start", "mine.csv", "--best", "9", "--out", "other") == 0
    expected = [
        {"lr": 0.01, "resnet_stride_l0": 1, "mlp_bn_l0": False},
        {"lr": 0.02, "resnet_stride_l0": 2, "mlp_bn_l0": True},
    ]
    assert config_of(tmp_path / "other")["first"] == expected


def test_the_configs_own_first_comes_before(run, tmp_path):
    own = {"lr": 0.05, "resnet_stride_l0": 3, "mlp_bn_l0": True}
    tree = TREE | {"first": [own], "warm_start": {"run": "old", "best": 5}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    assert run("--best", "1", "--out", "new", "--strategy", "tpe") == 0
    assert config_of(tmp_path / "new")["first"] == [own, *best_of("old", 1)]


def test_a_study_of_the_api_is_warm_started_too(run):
    study = StudyConfig.from_dict(TREE | {"warm_start": {"run": "old"}})
    result = run_study(study, fakes.data(), executor=fakes.FakeExecutor())
    assert result.config["first"] == best_of("old", 1)
    resolved = warm_started(study)
    assert warm_started(resolved) is resolved


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ({"resnet_stride_l0": Integer(20, 30)}, "resnet_stride_l0: must be a number in [20, 30]"),
        ({"mlp_bn_l0": Categorical((True,))}, "mlp_bn_l0: must be one of True, got"),
    ],
)
@pytest.mark.parametrize("source", [{"run": "old"}, {"trials": "old/trials.csv"}])
def test_points_outside_the_space_are_named(run, space, text, source):
    tree = TREE | {"warm_start": source | {"best": 12}}
    tree["space"] = Space({**fakes.SPACE, **space}).to_dict()
    with pytest.raises(ConfigError) as caught:
        warm_started(StudyConfig.from_dict(tree))
    assert text in str(caught.value)
    assert str(caught.value).startswith("warm_start: trial ")


def test_hparams_that_the_space_lacks_are_left_out(run):
    tree = TREE | {"warm_start": {"run": "old"}, "space": {"lr": fakes.SPACE.to_dict()["lr"]}}
    study = warm_started(StudyConfig.from_dict(tree))
    assert study.first == ({"lr": best_of("old", 1)[0]["lr"]},)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--warm-start", "gone"], "gone: not a run"),
        (["--warm-start", "gone.csv"], "gone.csv cannot be read as a table"),
        (["--warm-start", "small.yaml"], "small.yaml: not a run"),
        (["--warm-start", "none.csv"], "must have a column `value`"),
        (["--warm-start", "word.csv"], "word.csv, line 2: value must be a number, got 'x'"),
        (["--warm-start", "failed.csv"], "failed.csv holds no trained trial yet"),
        (
            ["--warm-start", "old", "--best", "0"],
            "warm_start.best: must be greater than or equal to 1, got 0",
        ),
        (["--best", "2"], "warm_start: must name either run"),
        (["--set", "warm_start.runs=old"], "warm_start.runs: unknown key; did you mean 'run'?"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, capsys, words, text):
    (tmp_path / "none.csv").write_text("lr\n0.1\n")
    (tmp_path / "word.csv").write_text("value,lr\nx,0.1\n")
    table = pd.read_csv("old/trials.csv")
    table.assign(status="diverged").to_csv("failed.csv", index=False)
    capsys.readouterr()
    assert run(*words, "--out", "new") == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_the_best_of_a_maximised_metric_are_the_highest(run, tmp_path):
    assert run("--out", "acc", "--set", "metric=val_accuracy") == 0
    trials = [t for t in load_run("acc").trials if t.value is not None]
    best = max(trials, key=lambda trial: trial.value).hparams
    for source in ({"run": "acc"}, {"trials": "acc/trials.csv"}):
        study = StudyConfig.from_dict({**TREE, "warm_start": source})  # itself judged by loss
        assert warm_started(study).first == (best,)


@pytest.mark.parametrize(
    ("metric", "column", "place"),
    [("val_loss", None, 0), ("val_accuracy", None, 1), ("val_loss", "val_accuracy", 1)],
)
def test_values_of_a_foreign_table_are_of_the_metric_that_it_names_or_the_studys(
    tmp_path, metric, column, place
):
    points = [fakes.SPACE.decode((u,) * 3) for u in (0.2, 0.8)]
    table = pd.DataFrame(points).assign(value=[0.25, 0.75])
    if column is not None:
        table["metric"] = column
    table.to_csv(tmp_path / "own.csv", index=False)
    start = {"trials": str(tmp_path / "own.csv")}
    study = StudyConfig.from_dict({**TREE, "metric": metric, "warm_start": start})
    assert warm_started(study).first == (pytest.approx(points[place]),)
    table.assign(metric="f1").to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(ConfigError, match="line 2: metric must be val_loss, val_accuracy,"):
        warm_started(study)
