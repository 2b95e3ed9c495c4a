"""`hptjax status`: where a run stands, also while it is being written."""

import re
from dataclasses import asdict

import pytest
from rich.console import Console

from hptjax.cli import main as cli
from hptjax.cli.run import failure_text
from hptjax.config.yaml_file import dump_yaml
from hptjax.records import GenerationRecord, RunDirectory, Status, StudyResult, TrialRecord
from hptjax.records.journal import encode_line
from hptjax.report.status import read_status, show_seconds, state_of, status_table
from hptjax.search import run_study
from hptjax.study.budget import Budget
from tests import fakes
from tests.commands import pretend_training

CONFIG = fakes.study(strategies=("random", "tpe"), budget={"generations": 2, "seconds": 1000})


@pytest.fixture
def run(tmp_path):
    """A finished run of two strategies."""
    with RunDirectory(tmp_path / "run", CONFIG.to_dict()) as directory:
        run_study(CONFIG, fakes.data(), journal=directory.journal, executor=fakes.FakeExecutor())
    return tmp_path / "run"


def shown(path, capsys):
    assert cli.main(["status", str(path)]) == 0
    return capsys.readouterr().out


def test_a_finished_run(run, capsys):
    text = shown(run, capsys)
    status = read_status(run)
    assert status.finished
    assert [s.label for s in status.strategies] == ["random", "tpe"]
    for strategy in status.strategies:
        assert (len(strategy.generations), len(strategy.trials)) == (2, 16)
        assert strategy.best is not None
        assert f"trial {strategy.best.number}" in text
        assert f"{strategy.best.value:.4f}" in text
    assert text.count("2 of 2 generations") == 2
    assert text.count("of 1000 seconds") == 2
    assert text.count("done:") == 2
    assert re.search(r"Last record \d+ s ago", text)


def test_a_run_that_is_being_written(run):
    """The journal is locked by a writer and ends within a line."""
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]))
    with RunDirectory(run, CONFIG.to_dict()):
        journal.write_bytes(b"".join(lines[:3]) + lines[3][:50])
        status = read_status(run)
    random, tpe = status.strategies
    assert (len(random.generations), state_of(random, status)) == (1, "running")
    assert (len(tpe.trials), state_of(tpe, status)) == (0, "waiting")


def test_a_larger_budget_makes_a_run_unfinished(run):
    larger = CONFIG.model_copy(update={"budget": Budget(generations=3)})
    with RunDirectory(run, larger.to_dict()):
        status = read_status(run)
    assert [state_of(s, status) for s in status.strategies] == ["running", "waiting"]


def test_the_last_failure_says_why(tmp_path, capsys):
    reasons = {3: "image vanishes", 5: "loss not finite after epoch 1"}
    trials = tuple(
        TrialRecord("random", k, k, (0.5,), {}, status=Status.INFEASIBLE, reason=reason)
        for k, reason in reasons.items()
    )
    with RunDirectory(tmp_path / "run", CONFIG.to_dict()) as directory:
        ledger = {"wall_s": 7300.0, "train_s": 0.0, "member_epochs": 0, "samples": 0}
        record = GenerationRecord("random", 0, trials, ledger)
        directory.journal.append({"kind": "generation", **asdict(record)})
        text = shown(tmp_path / "run", capsys)
    assert "Last failure of random: trial 5, infeasible: loss not finite" in text
    assert "2 infeasible" in text
    assert "7300 of 1000 seconds" in text


def test_eighty_columns_are_enough(run):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(status_table(read_status(run)))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("2 of 2 generations" in line for line in lines)


def test_what_is_no_run_and_what_is_damaged_is_said_in_one_line(run, capsys):
    assert cli.main(["status", str(run.parent)]) == 2
    assert "not a run" in capsys.readouterr().err
    journal = run / "journal.jsonl"
    journal.write_bytes(b"nonsense\n" + encode_line({"kind": "study"}))
    assert cli.main(["status", str(run)]) == 2
    assert "line 1: checksum does not match" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273600, "3 d 4 h")],
)
def test_seconds_are_shown_in_the_unit_that_suits(seconds, text):
    assert show_seconds(seconds) == text


def test_a_search_without_a_trained_network_ends_with_3(tmp_path, monkeypatch, capsys):
    pretend_training(monkeypatch)
    study = fakes.study(space={"lr": {"float": [0.1, 0.2]}}, strategies=["random", "tpe"])
    (tmp_path / "wild.yaml").write_text(dump_yaml(study.to_dict()))
    for _ in range(2):  # the second time it only reads
        assert cli.main(["run", str(tmp_path / "wild.yaml"), "--out", str(tmp_path / "wild")]) == 3
        said = capsys.readouterr().err
        assert "hptjax: not one of 64 trials was trained to the end: 64 diverged. Of" in said
    nothing = StudyResult((), {"tpe": "time budget"})
    assert failure_text(nothing) == "no network was trained: the budget left no epoch."
