"""Runs a long benchmark in sections: each is a process with a limit of seconds.

The report is written after each section, so that a run can be cut at any moment. If a section runs
out of its seconds, its output until then is kept.

    python -m experiments.benchmarks.sections MODULE [ARGUMENTS]

runs a module as a section, which ends when its standard input ends, that is, with its caller.
"""

import argparse
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from hptjax.records.files import replace_file

from .common import ROOT

DONE, FAILED, CUT, SKIPPED = "done", "failed", "cut", "skipped"
SAID = 20  # lines of standard error that a report keeps
REMARK = "left out:"  # the beginning of lines of standard error that belong into every report
LAST_WORDS = 1.0  # seconds for the lines of a process that has ended


TOLD = "the run was told to end"


class Ended(BaseException):
    """Raised by a signal, so that no section takes it for an error of its own."""


@dataclass(frozen=True)
class Section:
    """command: of its process; seconds: its limit; least: with fewer left it is not started."""

    name: str
    title: str
    command: Sequence[str]
    seconds: float
    least: float


@dataclass
class Outcome:
    """The outcome of a section.

    reason: why it was not done. text: the printed lines. data: those that are JSON objects, in
    order. said: the last lines of its standard error.
    """

    name: str
    title: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    text: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Takes a line of standard output."""
        line = line.rstrip()
        if line.startswith("{"):
            try:
                self.data.append(json.loads(line))
            except ValueError:
                self.text.append(line)
        elif line or self.text:
            self.text.append(line)

    def hear(self, line: str) -> None:
        """Takes a line of standard error."""
        if line.startswith(REMARK):
            self.text.append(line.rstrip())
        if line.strip():
            self.said = [*self.said, line.rstrip()][-SAID:]


def run_section(section: Section, seconds: float, env: Mapping[str, str] | None = None) -> Outcome:
    """Starts the process of a section; kills it and its children after its seconds.

    A signal that ends the run does so at once.
    """
    outcome = Outcome(section.name, section.title, FAILED)
    begin = time.perf_counter()
    process = subprocess.Popen(
        section.command,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        stdin=subprocess.PIPE,  # held open: its end tells the section that we are gone
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    readers = [
        _reading(process.stdout, outcome.read),
        _reading(process.stderr, outcome.hear),
    ]
    try:
        code = process.wait(seconds)
        if code == 0:
            outcome.state = DONE
        for reader in readers:
            reader.join(LAST_WORDS)
        if code:
            last = outcome.said[-1] if outcome.said else "no message"
            outcome.reason = f"ended with {code}: {last}"
    except subprocess.TimeoutExpired:
        outcome.state, outcome.reason = CUT, f"its {seconds:.0f} s were over"
    except Ended:
        outcome.state, outcome.reason = CUT, TOLD
    finally:
        _kill(process)
    for reader in readers:
        reader.join(LAST_WORDS)
    outcome.seconds = time.perf_counter() - begin
    return outcome


def _reading(stream: IO[str] | None, use: Callable[[str], None]) -> threading.Thread:
    assert stream is not None

    def read() -> None:
        for line in stream:
            use(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _kill(process: subprocess.Popen) -> None:
    """Kills its whole process group: peers and compilers would outlive a section."""
    with suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def module_command(module: str, *options: Any) -> list[str]:
    """The command of a section that runs a module of this folder."""
    own = [sys.executable, "-m", __name__, f"{__package__}.{module}"]
    return [*own, *map(str, options)]


def _end_with_caller() -> None:
    """Ends this process, and all its children, when its caller is gone."""

    def watch() -> None:
        while os.read(0, 1):  # not by sys.stdin: an ending process would need its lock
            pass
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def parser_of(doc: str | None, out: Path, titles: Mapping[str, str]) -> argparse.ArgumentParser:
    """The parser of a benchmark in sections, with shared options; doc: the module's docstring."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=540, help="seconds for all sections")
    parser.add_argument("--out", type=Path, default=out, help="OUT.md and OUT.json are written")
    parser.add_argument("--only", default=",".join(titles), help="by comma; default %(default)s")
    parser.add_argument("--skip", default="", help="as --only")
    return parser


def chosen(
    parser: argparse.ArgumentParser, args: argparse.Namespace, sections: Sequence[Section]
) -> list[Section]:
    """The sections that --only and --skip leave; ends with an error for an unknown name."""
    only, skip = ([name for name in names.split(",") if name] for names in (args.only, args.skip))
    known = [own.name for own in sections]
    for name in {*only, *skip} - set(known):
        parser.error(f"unknown section {name!r}; known are {', '.join(known)}")
    return [own for own in sections if own.name in only and own.name not in skip]


def run_all(
    sections: Sequence[Section],
    seconds: float,
    heading: str,
    out: Path,
    env: Mapping[str, str] | None = None,
    closing: Callable[[Sequence[Outcome]], list[str]] | None = None,
) -> list[Outcome]:
    """Runs sections in order until the seconds are over; writes OUT.md and OUT.json after each.

    closing: returns the last lines of the Markdown for the outcomes so far.

    A section that fails, or does not fit in the remaining time, is reported, and the next one
    starts. SIGTERM and SIGINT end the run; the report names the sections that were not done.
    """
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + seconds
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGINT)}
    why = ""
    try:
        for section in sections:
            left = deadline - time.monotonic()
            if why or left < section.least:
                why_not = why or f"needs {section.least:.0f} s, {max(left, 0):.0f} s are left"
                outcome = Outcome(section.name, section.title, SKIPPED, why_not)
            else:
                outcome = run_section(section, min(left, section.seconds), env)
                why = TOLD if outcome.reason == TOLD else ""
            outcomes.append(outcome)
            write(heading, outcomes, out, closing(outcomes) if closing else [])
            print("\n".join([*_lines(outcome), ""]), flush=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return outcomes


def _end(number: int, frame: Any) -> None:
    raise Ended


def write(
    heading: str, outcomes: Sequence[Outcome], out: Path, closing: Sequence[str] = ()
) -> None:
    """Writes OUT.md and OUT.json, each whole or not at all."""
    lines = [f"# {heading}", "", "| section | | s |", "|---|---|---|"]
    for outcome in outcomes:
        why = f": {outcome.reason}" if outcome.reason else ""
        lines.append(f"| {outcome.title} | {outcome.state}{why} | {outcome.seconds:.0f} |")
    for outcome in outcomes:
        lines += ["", *_lines(outcome)]
    if closing:
        lines += ["", *closing]
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out.with_suffix(".md"), ("\n".join(lines) + "\n").encode())
    tree = {"heading": heading, "sections": [asdict(outcome) for outcome in outcomes]}
    replace_file(out.with_suffix(".json"), (json.dumps(tree, indent=1) + "\n").encode())


def _lines(outcome: Outcome) -> list[str]:
    """A section of the Markdown."""
    lines = [f"## {outcome.title}", ""]
    if outcome.reason:
        lines += [f"{outcome.state}: {outcome.reason}", ""]
    shown = outcome.text
    if outcome.state in (CUT, FAILED):  # its table of results comes at the end
        shown = [*shown, *map(json.dumps, outcome.data)]
    if outcome.state == FAILED:
        shown = [*shown, *(line for line in outcome.said if line not in shown)]
    return [*lines, "```", *shown, "```"] if shown else lines[:-1]


if __name__ == "__main__":
    _end_with_caller()
    _, module_name, *rest = sys.argv
    sys.argv = [module_name, *rest]
    runpy.run_module(module_name, run_name="__main__", alter_sys=True)
