"""A study in a process that kills itself at a given moment; a script of test_study_kill.

    python -m tests.killed_run DIR MOMENT

Moments are counted: each half-written journal line, each synced file, each epoch. Without a kill
the moments are printed, a line each.
"""

import math
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from hptjax.cli import run as cli_run
from hptjax.records import RunDirectory
from hptjax.records import journal as journal_module
from hptjax.study import snapshots
from tests import fakes

moments: list[str] = []
kill_at = -1


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
        moment("before an epoch")
        return super().epoch(members, age)


def config():
    return fakes.study(
        strategies=("random", "tpe"),
        budget={"generations": 2},
        epochs=4,
        schedule={"name": "halving", "reduction": 2},
        tensorboard=False,
    )


def run(folder: Path, executor: fakes.FakeExecutor) -> None:
    """What `hptjax run` does, with a pretended executor and data, and a snapshot every epoch."""
    snapshots.COST_SHARE = math.inf
    cli_run.load_study_data = lambda study: fakes.data()
    cli_run.run_study = lambda study, data, **options: run_study(
        study, data, executor=executor, **options
    )
    with open(os.devnull, "w") as nowhere, RunDirectory(folder, config().to_dict()) as directory:
        cli_run.execute(config(), directory, Console(file=nowhere))


run_study = cli_run.run_study


def main(folder: str, at: str) -> None:
    global kill_at
    kill_at = int(at)
    sync = os.fsync

    def synced(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        moment(f"before the sync of {Path(name).parent.name}/{Path(name).name}")
        sync(descriptor)

    os.fsync = synced
    from hptjax.records import run_dir

    run_dir.Journal = TornJournal
    run(Path(folder), Epochs())
    print("\n".join(moments))


if __name__ == "__main__":
    main(*sys.argv[1:])
