"""Sections of a long benchmark: each in a process of its own, with seconds that it may take.

The report is written after each section, so that a run can be cut at any moment. Of a section that
runs out of its seconds, what it printed until then is kept.

    python -m experiments.benchmarks.sections MODULE [ARGUMENTS]

runs a module as a section: it ends as soon as the end of standard input says that its caller has.
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
REMARK = "left out:"  # how a line of standard error begins that belongs into every report
LAST_WORDS = 1.0  # seconds for the lines of a process that has ended


TOLD = "the run was told to end"


class Ended(BaseException):
    """What a signal raises: no section is to take it for an error of its own."""


@dataclass(frozen=True)
class Section:
    """command: of its process; seconds: at most; least: with fewer left it is not started."""

    name: str
    title: str
    command: Sequence[str]
    seconds: float
    least: float


@dataclass
class Outcome:
    """What became of a section.

    reason: why it was not done; text: the lines that it printed; data: those that were JSON
    objects, in order; said: the last lines of its standard error.
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
    """Starts the process, and kills it and all that it started after so many seconds.

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
    """Ends its whole group: peers and compilers of a section outlive it otherwise."""
    with suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def module_command(module: str, *options: Any) -> list[str]:
    """Of a section that runs a module of this folder."""
    own = [sys.executable, "-m", __name__, f"{__package__}.{module}"]
    return [*own, *map(str, options)]


def _end_with_caller() -> None:
    """Has this process, and all that it started, end as soon as who started it is gone."""

    def watch() -> None:
        while os.read(0, 1):  # not through sys.stdin, whose lock a process that ends would want
            pass
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def parser_of(doc: str | None, out: Path, titles: Mapping[str, str]) -> argparse.ArgumentParser:
    """Of a benchmark made of sections, with what all of them are told; doc: of its module."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=540, help="for all of it")
    parser.add_argument("--out", type=Path, default=out, help="OUT.md and OUT.json are written")
    parser.add_argument("--only", default=",".join(titles), help="by comma; default %(default)s")
    parser.add_argument("--skip", default="", help="as --only")
    return parser


def chosen(
    parser: argparse.ArgumentParser, args: argparse.Namespace, sections: Sequence[Section]
) -> list[Section]:
    """Those that --only and --skip leave; ends with an error for a name that there is not."""
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
    """Runs sections in order until the seconds are over, and writes OUT.md and OUT.json after each.

    closing: gives the last lines of the Markdown, of what is known so far.

    A section that fails or does not fit in what is left is written down, and the next one goes on.
    SIGTERM and SIGINT end the run; the sections that were not done are written down as such.
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
    """Writes OUT.md and OUT.json; each is there whole or as it was before."""
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
    if outcome.state in (CUT, FAILED):  # the table of what it found comes at its end
        shown = [*shown, *map(json.dumps, outcome.data)]
    if outcome.state == FAILED:
        shown = [*shown, *(line for line in outcome.said if line not in shown)]
    return [*lines, "```", *shown, "```"] if shown else lines[:-1]


if __name__ == "__main__":
    _end_with_caller()
    _, module_name, *rest = sys.argv
    sys.argv = [module_name, *rest]
    runpy.run_module(module_name, run_name="__main__", alter_sys=True)
