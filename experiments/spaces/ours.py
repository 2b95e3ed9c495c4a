"""`hptjax run` on one space, in a process of its own, and what its run directory says of it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hptjax.data import load_images
from hptjax.data.request import NoSplitError
from hptjax.models import evaluate_variables
from hptjax.models.network import load_saved
from hptjax.records import load_run
from hptjax.study import StudyConfig

from .table import ROOT, Space


def search(space: Space, overrides: Sequence[str], seed: int) -> dict[str, Any]:
    """As a user runs it, with files and all, and no program from a cache.

    Returns whole_s, of the process; search_s, of the generations; compile_s, how much of them was
    compiling; trials, best and test as `searching.search` has them.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "hptjax", "run", str(space.config), "--out", str(out)]
        command += ["--seed", str(seed), "--no-compile-cache"]
        command += [word for change in overrides for word in ("--set", change)]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        whole = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{space.name}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return {"whole_s": whole, **_told(out)}


def _told(out: Path) -> dict[str, Any]:
    result = load_run(out)
    ledgers = [record.ledger for record in result.generations]
    return {
        "search_s": sum(ledger["wall_s"] for ledger in ledgers),
        "compile_s": sum(ledger["compile_s"] for ledger in ledgers),
        "trials": len(result.trials),
        "best": None if result.best is None else result.best.value,
        "test": _test_accuracy(out),
    }


def _test_accuracy(out: Path) -> float | None:
    study = StudyConfig.from_dict(load_run(out).config)
    try:
        images = load_images(study.data.source, split="test", data_dir=study.data.data_dir)
    except NoSplitError:
        return None
    network = load_saved(out)
    return evaluate_variables(network.config, network.variables, images)["accuracy"]
