"""Sinks for experiment trackers: a trial is a run there, once, read back from what they wrote."""

import json
import sys

import pytest

from hptjax.cli import main as cli
from hptjax.errors import MissingExtraError
from hptjax.records.goal import Goal
from hptjax.records.journal import Journal
from hptjax.report.tracker import TrackerSink
from hptjax.search import run_study
from hptjax.study.sinks import SINKS
from tests import fakes
from tests.commands import pretend_training

STUDY = fakes.study(strategies=("random",), population_size=3, budget={"generations": 1})
LONGER = fakes.study(strategies=("random",), population_size=3, budget={"generations": 2})
TAGS = {"train/loss", "train/accuracy", "val/loss", "val/accuracy"}


class Notes(TrackerSink):
    """Notes what it is told to log."""

    def __init__(self, folder, destination="here"):
        super().__init__("notes", folder, Goal(), destination)
        self.trials = []

    def log(self, trial):
        self.trials.append(trial)


def run(study, folder, *sinks):
    """Runs, or goes on with, a study; gives its result."""
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal") as journal:
        return run_study(
            study, fakes.data(), journal=journal, sinks=sinks, executor=fakes.FakeExecutor()
        )


def opened(word, folder, **options):
    """A sink as a study names it, and its result of two calls, of which the second goes on."""
    kind = SINKS.find(word, "sinks")
    results = []
    for study in (STUDY, LONGER):
        folder.mkdir(exist_ok=True)
        sink = kind.open(study, folder, kind.Options(**options))
        results.append(run(study, folder, sink))
    return results[-1]


def test_a_trial_is_logged_once_however_often_the_study_goes_on(tmp_path):
    first = Notes(tmp_path / "run")
    run(STUDY, tmp_path / "run", first)
    assert [trial.name for trial in first.trials] == ["random/0", "random/1", "random/2"]
    again = Notes(tmp_path / "run")
    assert len(run(STUDY, tmp_path / "run", again).trials) == 3  # all of them replayed
    assert again.trials == []
    longer = Notes(tmp_path / "run")
    run(LONGER, tmp_path / "run", longer)
    assert [trial.name for trial in longer.trials] == ["random/3", "random/4", "random/5"]


def test_a_sink_of_later_logs_what_was_there_before(tmp_path):
    run(STUDY, tmp_path / "run")
    late = Notes(tmp_path / "run")
    run(STUDY, tmp_path / "run", late)
    elsewhere = Notes(tmp_path / "run", "elsewhere")
    result = run(STUDY, tmp_path / "run", elsewhere)
    assert len(late.trials) == len(elsewhere.trials) == len(result.trials) == 3
    told, trial = late.trials[0], result.trials[0]
    assert told.params == {"strategy": "random", **trial.hparams}
    assert told.result == {"val_loss": trial.value}
    assert [epoch for epoch, _ in told.epochs] == [1, 2]
    assert set(told.epochs[0][1]) == TAGS
    assert told.epochs[1][1]["val/loss"] == trial.last("val_loss")


@pytest.mark.parametrize("word", ["mlflow", "wandb", "trackio"])
def test_a_missing_package_is_named_with_its_extra(word, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, word, None)
    kind = SINKS.find(word, "sinks")
    with pytest.raises(MissingExtraError, match=rf"pip install 'hptjax\[{word}\]'"):
        kind.open(STUDY, tmp_path, kind.Options())
    pretend_training(monkeypatch)
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({**STUDY.to_dict(), "sinks": [word]}))
    assert cli.main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"hptjax: the sink {word} needs {word}" in capsys.readouterr().err


def test_mlflow_has_params_metrics_and_value(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    result = opened("mlflow", tmp_path / "run", offline=True, experiment="mine")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/run/mlflow.db")
    experiment = client.get_experiment_by_name("mine")
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    assert len(runs) == len(result.trials) == 6
    for trial in result.trials:
        found = runs[f"random/{trial.number}"]
        assert found.data.params["lr"] == str(trial.hparams["lr"])
        assert found.data.tags["status"] == trial.status.value
        failed = trial.value is None
        assert found.info.status == ("FAILED" if failed else "FINISHED")
        if not failed:
            assert found.data.metrics["val_loss"] == pytest.approx(trial.value)
            history = client.get_metric_history(found.info.run_id, "val/loss")
            assert [point.step for point in history] == [1, 2]
            values = [point.value for point in history]
            assert values == pytest.approx(list(trial.epochs["val_loss"]))


def test_wandb_writes_a_run_for_each_trial(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    result = opened("wandb", tmp_path / "run", offline=True)
    folders = list((tmp_path / "run" / "wandb").glob("offline-run-*"))
    assert len(folders) == len(result.trials) == 6
    texts = [next(folder.glob("*.wandb")).read_bytes() for folder in folders]
    for trial in result.trials:
        (text,) = (text for text in texts if f"random/{trial.number}".encode() in text)
        assert b"val/loss" in text
        assert str(trial.hparams["lr"])[:6].encode() in text


def test_trackio_has_the_metrics_of_each_epoch(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    result = opened("trackio", tmp_path / "run", project="mine")
    assert "Run finished" not in capsys.readouterr().out
    from trackio import Api  # pyright: ignore[reportMissingImports]
    from trackio.sqlite_storage import (  # pyright: ignore[reportMissingImports]
        SQLiteStorage as storage,
    )

    runs = {found.name: found for found in Api().runs("mine")}
    assert set(runs) == {f"run/random/{trial.number}" for trial in result.trials}
    trial = next(trial for trial in result.trials if trial.value is not None)
    found = runs[f"run/random/{trial.number}"]
    assert found.config["lr"] == trial.hparams["lr"]
    logged = storage.get_logs("mine", found.name)
    losses = [(row["step"], row["val/loss"]) for row in logged if "val/loss" in row]
    assert losses == list(enumerate(trial.epochs["val_loss"], start=1))
    assert [row["val_loss"] for row in logged if "val_loss" in row] == [trial.value]
