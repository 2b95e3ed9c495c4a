"""Pages of docs/ whose commands begin in forks of one process that has imported what they need.

    python -m tests.preloaded

It reads requests from standard input, one JSON object per line: {"page": path, "out": path of a
file for what is printed, "environment": {name: value}}. It runs each page by experiments.first_hour
in a fork of its own, and answers with a line, the exit code. A command imports JAX in over a second
of processor time, and the pages have a hundred commands. No fork has started XLA before.
"""

import asyncio
import atexit
import io
import json
import os
import runpy
import shlex
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments import first_hour

IMPORTED = (
    *("jax", "flax.linen", "flax.nnx", "optax", "optuna", "pandas", "rich.console", "scipy.stats"),
    *("hptjax", "hptjax.cli.main", "hptjax.cli.run", "hptjax.cli.describe", "hptjax.cli.parts"),
    *("hptjax.cli.export", "hptjax.cli.predict", "hptjax.cli.report", "hptjax.report.html"),
    *("ipykernel.kernelapp", "nbclient", "nbformat", "matplotlib.pyplot"),
    *("hptjax.strategies.tpe", "hptjax.executors.local", "matplotlib.figure"),
)


class Forked:
    """A process begun by a fork, with what of a Popen is used of it; stdout: what it prints."""

    def __init__(self, body: Callable[[], None], folder: str | Path, output: int | None = None):
        """output: where both its outputs go, in place of stdout."""
        ours, theirs = os.pipe()
        self.returncode, self.stdin, self.stderr = None, None, None
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ours)
            os.setsid()  # Ctrl-C then reaches it and its children only
            os.chdir(folder)
            _as_begun(body, theirs if output is None else output)
        os.close(theirs)
        while os.getpgid(self.pid) != self.pid:  # signals to its group must not be for ours
            time.sleep(0.001)
        self.stdout = os.fdopen(ours, encoding="utf-8")

    def poll(self, options: int = os.WNOHANG) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for its end, however long, and returns the exit code."""
        self.stdout.close()
        return self.poll(0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def kernel(words: list[str], env: dict[str, str], cwd: str | None = None, **_: Any) -> Forked:
    """Begins a notebook's process, as jupyter_client.launch_kernel does."""

    def body() -> None:
        os.environ.update(env)
        signal.set_wakeup_fd(-1)
        asyncio.set_event_loop_policy(None)  # the loop is that of the process before
        asyncio.set_event_loop(asyncio.new_event_loop())
        run_module(words[words.index("-m") + 1 :])

    return Forked(body, cwd or ".", output=1)


def run_module(words: list[str]) -> None:
    sys.path[0], sys.argv = "", words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


class Runner(first_hour.Runner):
    """A runner of a page whose commands need import little."""

    def _begun(self, text: str) -> Forked:
        program, *words = shlex.split(text)

        def body() -> None:
            if program == "hptjax":
                run_module(["hptjax", *words])
            elif words[0] == "-m":
                run_module(words[1:])
            else:
                sys.path[0], sys.argv = str(Path(words[0]).absolute().parent), words
                runpy.run_path(words[0], run_name="__main__")

        return Forked(body, self._folder)


def _as_begun(body: Callable[[], None], output: int) -> None:
    """Runs what a new Python would run, with both outputs there, and ends the process."""
    code = 1
    weakref.finalize._registry.clear()  # it removes no temporary folder of the process before
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(output, number)
            raw = io.FileIO(number, "wb", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, encoding="utf-8", write_through=True))
        code = _code_of(body)
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        os._exit(code)


def _code_of(body: Callable[[], None]) -> int:
    """Runs it; returns the exit code that Python would end with."""
    try:
        body()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        traceback.print_exc()
        return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def main() -> None:
    for name in IMPORTED:
        import_module(name)
    import_module("jupyter_client.provisioning.local_provisioner").launch_kernel = kernel
    first_hour.Runner = Runner
    for line in sys.stdin:
        asked = json.loads(line)

        def page(asked: dict = asked) -> None:
            os.environ.update(asked["environment"])
            sys.argv = ["first_hour", asked["page"]]
            sys.exit(first_hour.main())

        run = Forked(page, Path.cwd())
        Path(asked["out"]).write_text(run.stdout.read())
        print(run.wait(), flush=True)


if __name__ == "__main__":
    main()
