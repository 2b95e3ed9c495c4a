"""What an item is: one thing that is tried as a user tries it, and what must be seen."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptjax.errors import ConfigError

LONGEST = 420  # characters of a cell


class Refused(str):
    """What is seen where something is rightly not done: the one line that says so.

    beside: what is done, if anything.
    """

    beside: str

    def __new__(cls, line: str, beside: str = "nothing is done") -> "Refused":
        made = super().__new__(cls, line)
        made.beside = beside
        return made


@dataclass(frozen=True)
class Item:
    """number: in the list; asked: what a user wants; expects: works, refused or open."""

    number: int
    asked: str
    expects: str
    function: Callable[[Any], str]


ITEMS: dict[int, Item] = {}


def item(number: int, asked: str, expects: str = "works") -> Callable[[Any], Any]:
    """Registers a function of the workshop that gives what is seen.

    It gives a `Refused` where a line refuses, and raises AssertionError with a sentence where what
    is seen is not what a user needs.
    """

    def register(function: Callable[[Any], str]) -> Callable[[Any], str]:
        assert number not in ITEMS, number
        ITEMS[number] = Item(number, asked, expects, function)
        return function

    return register


def need(condition: object, sentence: str) -> None:
    """AssertionError with a sentence, unless something holds."""
    if not condition:
        raise AssertionError(sentence)


def line_of(text: str, pattern: str) -> str:
    """The first line in which a pattern is found."""
    for line in text.splitlines():
        if re.search(pattern, line):
            return line.strip()
    raise AssertionError(f"no line says {pattern!r}: {flat(text)[-LONGEST:] or 'nothing is said'}")


def flat(text: str) -> str:
    return " ".join(text.split())


def refusal(call: Callable[[], object]) -> str:
    """The one line of the ConfigError that a call in Python raises."""
    try:
        got = call()
    except ConfigError as error:
        need("\n" not in str(error), f"the refusal has several lines: {flat(str(error))}")
        return str(error)
    raise AssertionError(f"nothing refuses it: {flat(repr(got))[:LONGEST]}")


@dataclass(frozen=True)
class Done:
    """A command that has ended. text: all that it said."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def ok(self) -> str:
        """All that it said; AssertionError where it failed."""
        need(self.code == 0, f"exit code {self.code}: {flat(self.err)[-LONGEST:]}")
        return self.text

    def mistake(self) -> str:
        """The one line with which it refused, without the program's name."""
        lines = self.err.splitlines()
        need(self.code == 2, f"exit code {self.code} in place of 2: {flat(self.text)[-LONGEST:]}")
        need(len(lines) == 1, f"{len(lines)} lines in place of one: {flat(self.err)[:LONGEST]}")
        return lines[0].removeprefix("hptjax: ")


@dataclass(frozen=True)
class Shell:
    """Where commands are typed. cache: of compiled programs."""

    folder: Path
    cache: Path

    def _environment(self, **more: str) -> dict[str, str]:
        found = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL", "NPROC")}
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        return found | {"PYTHONPATH": path, "HPTJAX_COMPILE_CACHE": str(self.cache), **more}

    def hptjax(self, *words: str | Path, at: str = ".", **environment: str) -> Done:
        """A command, typed in a folder below."""
        return self._done([sys.executable, "-m", "hptjax", *map(str, words)], at, environment)

    def python(self, code: str, **environment: str) -> Done:
        """A script of its own process."""
        return self._done([sys.executable, "-c", code], ".", environment)

    def sh(self, line: str) -> Done:
        """A line of the shell, in which {hptjax} is the command."""
        command = line.format(hptjax=f"'{sys.executable}' -m hptjax")
        return self._done(["bash", "-c", command], ".", {})

    def _done(self, command: list[str], at: str, environment: dict[str, str]) -> Done:
        done = subprocess.run(
            command,
            cwd=self.folder / at,
            env=self._environment(**environment),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def interrupted(self, *words: str | Path, when: Callable[[str], bool], sig: int) -> Done:
        """A command that a signal ends once something of what it has said holds."""
        log = self.folder / "interrupted.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "hptjax", *map(str, words)],
                cwd=self.folder,
                env=self._environment(PYTHONUNBUFFERED="1"),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            ends = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < ends:
                if when(log.read_text()):
                    process.send_signal(sig)
                    break
                time.sleep(0.05)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                code = process.wait()
        return Done(code, log.read_text(), "")
