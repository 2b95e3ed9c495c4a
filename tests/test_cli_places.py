"""Where a run lies: `~`, a directory moved while it runs, another machine's rounding."""

import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.ops import native
from hptjax.records import load_run
from hptjax.records.environment import rounding_facts
from hptjax.records.journal import read_journal
from tests import fakes
from tests.commands import pretend_training
from tests.test_data_identity import TREE


class Moving(fakes.FakeExecutor):
    """Its run directory is renamed in the last epoch."""

    def epoch(self, members, age):
        if self.log.count("epoch 0 of 4") == 2:
            self.folder.rename(self.folder.parent / "moved")
            self.log.clear()
        return super().epoch(members, age)


@pytest.fixture
def small(tmp_path, monkeypatch):
    pretend_training(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    tree = {**TREE, "data": {"source": "sample", "train_limit": 60}, "epochs": 2}
    (tmp_path / "home" / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return tmp_path


def test_a_tilde_is_the_home_directory_in_every_option(small, capsys):
    assert cli.main(["run", "~/small.yaml", "--out=~/x"]) == 0
    assert (small / "home" / "x" / "trials.csv").exists()
    assert not any((small / "work").iterdir())
    for words in (["status", "~/x"], ["watch", "--once", "~/x"], ["report", "~/x"]):
        assert cli.main(words) == 0
    assert cli.main(["export", "~/x", "--to=~/net.safetensors"]) == 0
    words = ["run", "~/small.yaml", "--warm-start=~/x", "--set", "out=~/y"]
    assert cli.main(words) == 0
    assert (small / "home" / "y" / "trials.csv").exists()
    assert cli.main(["run", "~/small.yaml", "--warm-start=~/x/trials.csv", "--out=~/z"]) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_code:
        cli.main(["status", "~nobody-of-this-name/x"])
    assert exit_code.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_finished_run_gets_its_tables_back(small):
    words = ["run", "~/small.yaml", "--out", "run"]
    assert cli.main(words) == 0
    table = small / "work" / "run" / "trials.csv"
    content = table.read_bytes()
    table.unlink()
    assert cli.main(words) == 0
    assert table.read_bytes() == content


def test_a_directory_that_is_moved_away_ends_the_study_in_one_line(small, monkeypatch, capsys):
    executor = Moving()
    executor.folder = small / "work" / "run"
    monkeypatch.setattr("hptjax.executors.local.local_executor", lambda *parts: executor)
    words = ["run", "~/small.yaml", "--generations", "3", "--out"]
    assert cli.main([*words, "run"]) == 2
    error = capsys.readouterr().err
    assert "was moved or removed while the study went on" in error
    assert error.count("\n") == 1
    assert [path.name for path in (small / "work").iterdir()] == ["moved"]
    monkeypatch.setattr(
        "hptjax.executors.local.local_executor", lambda *parts: fakes.FakeExecutor()
    )
    assert cli.main([*words, "moved"]) == 0
    assert cli.main([*words, "whole"]) == 0
    assert load_run("moved").trials == load_run("whole").trials


def test_other_rounding_is_said_in_one_line_and_recorded(small, monkeypatch, capsys):
    class Telling(fakes.FakeExecutor):
        rounding = staticmethod(rounding_facts)

    monkeypatch.setattr("hptjax.executors.local.local_executor", lambda *parts: Telling())
    words = ["run", "~/small.yaml", "--out", "run", "--generations"]
    assert cli.main([*words, "1"]) == 0
    assert cli.main([*words, "2"]) == 0
    assert "rounding" not in capsys.readouterr().out
    kernels = native.available()
    monkeypatch.setattr(native, "available", lambda: not kernels)
    assert cli.main([*words, "3"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "rounding may differ" in line]
    assert len(lines) == 1
    assert "kernels was" in lines[0]
    noted = [r for r in read_journal(small / "work/run/journal.jsonl")[0] if "facts" in r]
    first, second = (set(record["facts"].items()) for record in noted)
    assert {name for name, _ in first ^ second} == {"kernels"}
