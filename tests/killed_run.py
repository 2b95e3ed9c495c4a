"""A study in a process that kills itself at a given moment; what test_study_kill runs.

    python -m tests.killed_run

reads jobs from its input, a line of DIR MOMENT PACE KIND each, and forks a process for each:
importing takes a hundred times as long as the study. Moments are counted: each half-written journal
line, each synced file, each epoch. It answers with the moments, a line each, unless the process was
killed, and then with the word `exit` and the code.

PACE: `always`, a snapshot after every epoch, or `due`, when the store's own rule says so, on a
clock on which an epoch takes a second and a sync some hundredths.

KIND: `halving`, or `kept`, a study of patience that judges by best epochs and keeps three networks.
"""

import math
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import hptjax.strategies.tpe  # noqa: F401 - before the forks, not in each
from hptjax.executors import snapshots
from hptjax.records import RunDirectory, run_dir
from hptjax.records import journal as journal_module
from hptjax.report.display import Display
from hptjax.search import kept
from hptjax.search import run as study_run
from hptjax.search.ensemble import Selection
from hptjax.study.sink import Sink
from hptjax.tuning import running
from tests import fakes

EPOCH_S, SYNC_S = 1.0, 0.03

moments: list[str] = []
kill_at = -1
now = 0.0


def moment(kind: str) -> None:
    moments.append(kind)
    if len(moments) - 1 == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


class TornFile:
    """A file that lets a line be torn in the middle."""

    def __init__(self, file) -> None:
        self._file = file

    def write(self, content: bytes) -> int:
        half = len(content) // 2
        written = self._file.write(content[:half])
        moment("inside a journal line")
        return written + self._file.write(content[half:])

    def __getattr__(self, name: str):
        return getattr(self._file, name)


class TornJournal(journal_module.Journal):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = TornFile(self._file)


class Epochs(fakes.FakeExecutor):
    def epoch(self, members, age):
        global now
        moment("before an epoch")
        now += EPOCH_S
        return super().epoch(members, age)


class BumpyEpochs(Epochs, fakes.Bumpy):
    """The losses of `Bumpy`."""


EXECUTORS = {"halving": fakes.FakeExecutor, "kept": fakes.Bumpy}
KINDS = {
    "halving": {"epochs": 4, "schedule": {"name": "halving", "reduction": 2}},
    "kept": {"epochs": 6, "select": "best_epoch", "patience": 1, "keep_best": 3},
}


def config(kind: str = "halving"):
    tree = {"strategies": ("random", "tpe"), "budget": {"generations": 2}, "tensorboard": False}
    return fakes.study(**tree | KINDS[kind])


def selected(networks, *parts) -> Selection:
    """Of pretended networks, which predict nothing."""
    ages = [int(own.variables["params"]["age"][0]) for own in networks]
    return Selection(tuple(ages), {"loss": 0.5})


@contextmanager
def replaced(owner, **attributes):
    """Attributes of a module or class as they should be for a while."""
    old = {name: getattr(owner, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in old.items():
            setattr(owner, name, value)


def run(
    folder: Path,
    executor: fakes.FakeExecutor,
    clock: Callable[[], float] | None = None,
    kind: str = "halving",
) -> None:
    """What `hptjax run` does, with a pretended executor and data.

    clock: of the rule for snapshots; None: there is one after every epoch.
    """
    executor.rounding = lambda: {"processor": "pretended"}
    timed = {} if clock is None else {"clock": clock}
    share = math.inf if clock is None else snapshots.COST_SHARE
    nothing = Display(lambda text: None, lambda text: None, lambda metric: Sink())
    with (
        replaced(running, prepared_data=lambda *parts: fakes.data()),
        replaced(running, noted_digests=lambda *parts: {"train": "abc"}),
        replaced(study_run, SnapshotStore=partial(snapshots.SnapshotStore, **timed)),
        replaced(snapshots, COST_SHARE=share),
        replaced(kept, select=selected),
        RunDirectory(folder, config(kind).to_dict()) as directory,
    ):
        running.execute(config(kind), directory, nothing, running.Given(executor=executor))


def killed(folder: str, at: str, pace: str, kind: str) -> None:
    """Runs until its moment, in a process of its own."""
    global kill_at
    kill_at = int(at)

    def synced(descriptor: int) -> None:
        global now
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        moment(f"before the sync of {Path(name).parent.name}/{Path(name).name}")
        now += SYNC_S  # and no sync: what a killed process wrote, the system has

    os.fsync = synced
    run_dir.Journal = TornJournal
    executor = BumpyEpochs() if kind == "kept" else Epochs()
    run(Path(folder), executor, (lambda: now) if pace == "due" else None, kind)
    print("\n".join(moments))


def serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                killed(*line.split())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(f"exit {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    serve()
