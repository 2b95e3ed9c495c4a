"""What a run leaves behind: tables, leaderboard, TensorBoard scalars, best network, directory."""

import math

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError, DataError
from hptjax.records import (
    Change,
    GenerationRecord,
    RunDirectory,
    Status,
    TrialRecord,
    load_network,
    load_run,
    save_best,
)
from hptjax.records.goal import Goal
from hptjax.records.journal import Journal
from hptjax.records.trial import rank_trials
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.tables import epochs_frame, trials_frame, write_tables
from hptjax.search import run_study
from hptjax.space import Integer, Space
from hptjax.study.budget import Budget
from tests.fakes import SPACE, FakeExecutor, data, model, study

CONFIG = study(
    Space({"lr": SPACE["lr"], "resnet_stride_l0": Integer(1, 20)}),
    strategies=("random", "tpe"),
    budget={"generations": 2},
)


@pytest.fixture(scope="module")
def result():
    return run_study(CONFIG, data(), executor=FakeExecutor())


def trial(number, value, **changes):
    told = {"value": value, "told": value} | changes
    return TrialRecord("des", number, number, (0.5,), {"lr": 0.1}, **told)


def test_leaderboard_is_by_value_with_failed_trials_last():
    trials = [trial(0, None), trial(1, 2.0), trial(2, 0.5), trial(3, None), trial(4, 0.5)]
    assert [t.number for t in rank_trials(trials)] == [2, 4, 1, 0, 3]


def test_leaderboard_says_what_failed_and_why():
    trials = [
        trial(0, 0.25, changes=(Change("a", 1, 2, "b"),)),
        trial(1, None, status=Status.INFEASIBLE, reason="image vanishes"),
    ]
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(leaderboard(trials, Goal()))
    console.print(
        summary_table([GenerationRecord("des", 0, tuple(trials), {})], {"des": "x"}, Goal())
    )
    text = console.export_text()
    first, second = (line for line in text.splitlines() if "lr=0.1" in line)
    assert "0.2500" in first
    assert "a: 1 -> 2" in first
    assert "failed" in second
    assert "image vanishes" in second
    assert "1 failed or infeasible" in text


def test_trials_table_holds_each_trial_once_and_exactly(result, tmp_path):
    write_tables(result, tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert len(table) == len(result.trials) == 32
    for row, t in zip(table.to_dict("records"), result.trials, strict=True):
        assert (row["strategy"], row["number"], row["key"]) == (t.strategy, t.number, t.key)
        assert row["lr"] == pytest.approx(t.hparams["lr"], rel=1e-14)
        assert (
            math.isnan(row["value"]) if t.value is None else row["value"] == pytest.approx(t.value)
        )
        assert (row["status"], row["epochs"]) == (t.status, t.age)
        assert row["reason"] == t.reason if t.reason else math.isnan(row["reason"])
    assert "infeasible" in set(table["status"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epochs.csv", "trials.csv"]


def test_epochs_table_holds_each_epoch_of_each_trained_trial(result):
    table = epochs_frame(result.generations)
    trained = [t for t in result.trials if t.age == 2]
    assert len(table) == sum(t.age for t in result.trials)
    last = table[table["epoch"] == 2]["val_accuracy"].to_numpy(float)
    expected = [np.nan if (a := t.last("val_accuracy")) is None else a for t in trained]
    np.testing.assert_array_equal(last, expected)


def test_tables_of_nothing_are_empty():
    assert len(trials_frame([], "val_loss")) == 0
    assert list(epochs_frame([]).columns)[:3] == ["strategy", "number", "epoch"]


def test_best_network_comes_back(tmp_path):
    config = ModelConfig.from_dict(model())
    variables = {"params": {"a": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3).T}}}
    save_best(tmp_path / "best", config, variables, {"value": 0.5})
    for folder in (tmp_path, tmp_path / "best"):
        network = load_network(folder)
        assert network.config == config
        weights = network.variables
        np.testing.assert_array_equal(
            weights["params"]["a"]["kernel"], variables["params"]["a"]["kernel"]
        )


def test_the_same_network_is_the_same_file(tmp_path):
    config = ModelConfig.from_dict(model())
    for name in ("a", "b", "c", "d"):
        save_best(tmp_path / name, config, {"w": np.ones(3), "v": np.ones(2)}, {"value": 0.5})
    files = {path.read_bytes() for path in tmp_path.rglob("weights.safetensors")}
    assert len(files) == 1


def test_damaged_or_mixed_best_is_refused(tmp_path):
    config = ModelConfig.from_dict(model())
    with pytest.raises(DataError, match="neither a run with a best network"):
        load_network(tmp_path)
    save_best(tmp_path, config, {"w": np.ones(3)}, {})
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("lr: 0.003", "lr: 0.004"))
    with pytest.raises(DataError, match="one was altered"):
        load_network(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"\x00" * 4)
    with pytest.raises(DataError, match="no best network"):
        load_network(tmp_path)


def test_a_run_is_loaded_as_it_was_made(tmp_path):
    out = tmp_path / "run"
    with RunDirectory(out, CONFIG.to_dict()) as directory:
        result = run_study(CONFIG, data(), journal=directory.journal, executor=FakeExecutor())
    assert load_run(out) == result
    assert yaml.safe_load((out / "config.yaml").read_text()) == CONFIG.to_dict()
    with RunDirectory(out, CONFIG.to_dict()) as directory:
        assert directory.resumed
        assert directory.finished
    larger = CONFIG.model_copy(update={"budget": Budget(generations=3)})
    with RunDirectory(out, larger.to_dict()) as directory:
        assert not directory.finished


def test_another_config_in_the_same_directory_is_refused_naming_the_key(tmp_path):
    out = tmp_path / "run"
    with RunDirectory(out, CONFIG.to_dict()) as directory:
        directory.journal.append({"kind": "stop", "strategy": "des", "reason": "x", "budget": {}})
    other = CONFIG.model_copy(update={"epochs": 7})
    with pytest.raises(ConfigError, match=r"epochs: 2 there, 7 here"):
        RunDirectory(out, other.to_dict())
    moved = CONFIG.model_copy(update={"out": "elsewhere"})
    RunDirectory(out, moved.to_dict()).__exit__(None, None, None)


def test_a_run_that_failed_before_its_first_result_binds_nobody(tmp_path):
    with RunDirectory(tmp_path, CONFIG.to_dict()):
        pass
    other = CONFIG.model_copy(update={"epochs": 7})
    with RunDirectory(tmp_path, other.to_dict()) as directory:
        assert not directory.resumed
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert [record["config"] for record in journal.records] == [other.to_dict()]


def test_a_directory_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not empty and not a run"):
        RunDirectory(tmp_path, CONFIG.to_dict())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ConfigError, match="must be a directory"):
        RunDirectory(tmp_path / "thesis.txt", CONFIG.to_dict())
    with pytest.raises(ConfigError, match="not a run"):
        load_run(tmp_path)
