"""kill -9 at any moment, then the same command: the files of an undisturbed run, times aside."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hptjax.records import load_run
from hptjax.records.best import load_network
from hptjax.records.trial import best_trials
from tests.fakes import Bumpy, FakeExecutor
from tests.killed_run import run
from tests.test_study_resume import lasting

ROOT = Path(__file__).parents[1]
KILLS = 20
# clock readings in every line; the devices of each process, here one and two
UNEQUAL = ("optuna.journal", "environment.json")


class Server:
    """Runs that kill themselves at a moment, forked from one process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed_run"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, moment, pace, kind="halving"):
        """The exit code of a run that kills itself at a moment (-1: never), and the moments."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder} {moment} {pace} {kind}\n")
        self._process.stdin.flush()
        lines, line = [], ""
        for line in self._process.stdout:
            if line.startswith("exit "):
                break
            lines.append(line.rstrip("\n"))
        code = int(line.split()[1])
        assert code in (0, -signal.SIGKILL)
        return code, lines

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch):
    """What a killed process wrote, the system has."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def files(folder):
    """All that a run leaves, the journal without its clock readings."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): lasting(path)
        if path.name == "journal.jsonl"
        else path.read_bytes()
        for path in paths
        if path.name not in UNEQUAL
    }


@pytest.fixture(scope="module", params=["always", "due"])
def whole(request, server, tmp_path_factory):
    """An undisturbed run: its pace of snapshots, its folder and its moments."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    code, moments = server.run(folder, -1, request.param)
    assert code == 0
    return request.param, folder, moments


@pytest.fixture(scope="module")
def whole_kept(server, tmp_path_factory):
    """As `whole`, of the study that keeps several networks."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    code, moments = server.run(folder, -1, "always", "kept")
    assert code == 0
    return folder, moments


def chosen(moments):
    """KILLS seeded moments, every kind of them among these."""
    generator = random.Random(7)
    kinds = {}
    for number, kind in enumerate(moments):
        kinds.setdefault(kind.split("/")[-1], []).append(number)
    picked = [generator.choice(numbers) for numbers in kinds.values()]
    others = [number for number in range(len(moments)) if number not in picked]
    return sorted(picked + generator.sample(others, max(0, KILLS - len(picked))))


@pytest.mark.slow
def test_killed_anywhere_the_resumed_run_ends_with_the_same_files(tmp_path, server, whole):
    pace, folder, moments = whole
    kinds = {kind.split("/")[-1] for kind in moments}
    assert {"inside a journal line", "before an epoch", "a.safetensors.new"} <= kinds
    assert "weights.safetensors.new" in kinds
    leftovers = 0
    for number in chosen(moments):
        again = tmp_path / str(number)
        code, _ = server.run(again, number, pace)
        assert code == -signal.SIGKILL
        leftovers += any(again.glob("snapshots/*.new"))
        run(again, FakeExecutor(), None if pace == "always" else time.perf_counter)
        assert files(again) == files(folder), f"killed {moments[number]}, moment {number}"
    assert leftovers


def test_a_generation_goes_on_from_its_last_snapshot(tmp_path, server, whole):
    pace, _, moments = whole
    last = max(k for k, kind in enumerate(moments) if kind == "before an epoch")
    server.run(tmp_path / "run", last, pace)
    executor = FakeExecutor()
    run(tmp_path / "run", executor)
    if pace == "always":
        assert [line.split()[0] for line in executor.log] == ["restore", "epoch"]
    assert executor.log[-1].startswith("epoch 3")


@pytest.mark.slow
def test_killed_anywhere_the_same_networks_are_kept(tmp_path, server, whole_kept):
    """And before it goes on: a run has the networks of the best trials that its journal names."""
    folder, moments = whole_kept
    result = load_run(folder)
    best = best_trials(result.trials, 3)
    names = {"ensemble.json", *(f"{trial.strategy}-{trial.number}.safetensors" for trial in best)}
    assert {path.name for path in (folder / "kept").iterdir()} == names
    assert any(trial.age < 6 for trial in best)
    for number in chosen(moments):
        again = tmp_path / str(number)
        code, _ = server.run(again, number, "always", "kept")
        assert code == -signal.SIGKILL
        so_far = load_run(again).trials if (again / "config.yaml").exists() else ()
        for trial in best_trials(so_far, 3):
            network = load_network(again / "kept" / f"{trial.strategy}-{trial.number}.safetensors")
            assert network.variables["params"]["age"] == [trial.epoch]
        run(again, Bumpy(), kind="kept")
        assert files(again) == files(folder), f"killed {moments[number]}, moment {number}"


@pytest.mark.slow
def test_who_ended_before_the_kill_is_not_trained_again(tmp_path, server, whole_kept):
    """The weights of those that were let go are in the snapshot."""
    folder, moments = whole_kept
    last = max(k for k, kind in enumerate(moments) if kind == "before an epoch")
    server.run(tmp_path / "run", last, "always", "kept")
    executor = Bumpy()
    run(tmp_path / "run", executor, kind="kept")
    assert [line.split()[0] for line in executor.log] == ["restore", "epoch"]
    assert files(tmp_path / "run") == files(folder)
