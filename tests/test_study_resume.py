"""An interrupted study, started again, ends as if it had not been interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hptjax.errors import DataError
from hptjax.records.journal import Journal, read_journal
from hptjax.search import run_study
from tests.fakes import FakeExecutor, data, study

STRATEGIES = ("des", "random", "tpe")
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import jax
jax.config.update("jax_platforms", "cpu")
from tests import fakes
from tests.test_study_resume import journalled

class Killed(fakes.FakeExecutor):
    def epoch(self, members, age):
        if sum("epoch" in line for line in self.log) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().epoch(members, age)

journalled(Path(sys.argv[1]), Killed())
"""


def journalled(path, executor=None, config=None, **options):
    config = config or study(strategies=STRATEGIES)
    executor = executor or FakeExecutor()
    with Journal(path) as journal:
        return run_study(config, data(), journal=journal, executor=executor, **options)


def lasting(path):
    """The journal without its clock readings."""
    return [
        {key: value for key, value in record.items() if key != "ledger"}
        for record in read_journal(path)[0]
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "journal.jsonl"
    return path, journalled(path)


class Stop(Exception):
    pass


def stopping(at):
    """An executor that breaks down in epoch number `at` of the study."""
    count = iter(range(10**6))

    class Stopping(FakeExecutor):
        def epoch(self, members, age):
            if next(count) == at:
                raise Stop
            return super().epoch(members, age)

    return Stopping()


@pytest.mark.parametrize("at", [0, 1, 4, 9, 15, 23])
def test_interrupted_anywhere_same_history(tmp_path, whole, at):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(Stop):
        journalled(path, stopping(at))
    assert len(read_journal(path)[0]) < len(read_journal(whole[0])[0])
    result = journalled(path)
    assert result.trials == whole[1].trials
    assert result.stops == whole[1].stops
    assert lasting(path) == lasting(whole[0])


def test_a_torn_last_line_is_trained_again(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    content = whole[0].read_bytes()
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + lines[6][: len(lines[6]) // 2])
    assert journalled(path).trials == whole[1].trials
    assert lasting(path) == lasting(whole[0])


def test_a_finished_journal_is_replayed_without_training(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole[0].read_bytes())

    executor = FakeExecutor()
    result = journalled(path, executor)
    assert executor.log == []
    assert result.trials == whole[1].trials
    assert path.read_bytes() == whole[0].read_bytes()


def test_best_after_a_resume_is_the_best_of_all(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    seen = []
    with pytest.raises(Stop):
        journalled(path, stopping(10), on_best=lambda trial, _: seen.append(trial))
    journalled(path, on_best=lambda trial, _: seen.append(trial))
    assert seen[-1] == whole[1].best


def test_a_journal_of_another_study_is_refused(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole[0].read_bytes())
    with pytest.raises(DataError, match="does not fit this study"):
        journalled(path, config=study(strategies=STRATEGIES, seed=2))


def test_sigkill_in_the_last_strategy_then_the_same_history(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", KILLED_RUN, str(path), "19"]
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    assert done.returncode == -signal.SIGKILL
    strategies = [r["strategy"] for r in read_journal(path)[0] if "strategy" in r]
    assert strategies.count("tpe") == 1  # its second generation was under way
    assert journalled(path).trials == whole[1].trials
    assert lasting(path) == lasting(whole[0])
