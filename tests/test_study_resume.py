"""An interrupted study, started again, ends as if it had not been interrupted."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hptjax.errors import DataError
from hptjax.records.journal import Journal, read_journal
from hptjax.study import run_study
from tests.fakes import FakeExecutor, data, study

STRATEGIES = ("des", "random", "tpe")
SLOW_RUN = """
import sys, time
from pathlib import Path
import jax
jax.config.update("jax_platforms", "cpu")
from tests import fakes
from tests.test_study_resume import STRATEGIES, journalled

class Slow(fakes.FakeExecutor):
    def epoch(self, members, age):
        time.sleep(0.01)
        return super().epoch(members, age)

print("ready", flush=True)
journalled(Path(sys.argv[1]), Slow())
print("done", flush=True)
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


def test_sigkill_at_a_random_moment_then_the_same_history(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", SLOW_RUN, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 60
    while (not path.exists() or path.stat().st_size == 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    killed = len(read_journal(path)[0])
    assert 0 < killed < len(read_journal(whole[0])[0])
    assert journalled(path).trials == whole[1].trials
    assert lasting(path) == lasting(whole[0])
