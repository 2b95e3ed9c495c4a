"""kill -9 at any moment, then the same command: the files of an undisturbed run, times aside."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import FakeExecutor
from tests.killed_run import run
from tests.test_study_resume import lasting

ROOT = Path(__file__).parents[1]
KILLS = 20
# clock readings in every line; the devices of each process, here one and two
UNEQUAL = ("optuna.journal", "environment.json")


def process(folder, moment):
    """The exit code and the output of a run that kills itself at a moment (-1: never)."""
    command = [sys.executable, "-m", "tests.killed_run", str(folder), str(moment)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.splitlines()


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    code, moments = process(folder, -1)
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
    return sorted(picked + generator.sample(others, KILLS - len(picked)))


@pytest.mark.slow
def test_killed_anywhere_the_resumed_run_ends_with_the_same_files(tmp_path, whole):
    folder, moments = whole
    kinds = {kind.split("/")[-1] for kind in moments}
    assert {"inside a journal line", "before an epoch", "a.safetensors.new"} <= kinds
    assert "weights.safetensors.new" in kinds
    for number in chosen(moments):
        again = tmp_path / str(number)
        code, _ = process(again, number)
        assert code == -signal.SIGKILL
        run(again, FakeExecutor())
        assert files(again) == files(folder), f"killed {moments[number]}, moment {number}"


def test_a_generation_goes_on_from_its_last_epoch(tmp_path, whole):
    _, moments = whole
    last = max(k for k, kind in enumerate(moments) if kind == "before an epoch")
    process(tmp_path / "run", last)
    executor = FakeExecutor()
    run(tmp_path / "run", executor)
    assert [line.split()[0] for line in executor.log] == ["restore", "epoch"]
