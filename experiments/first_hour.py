"""Runs a page of docs/ as it is, and prints the seconds and accuracies of each section.

    python -m experiments.first_hour [docs/tutorials/your-images.md] [--folder DIR] [--log FILE]

The default page is docs/first-hour.md. Its commands, programs, studies and cells are run in order,
by default in a temporary folder. A block whose first line is `# name.py` or `# name.yaml` is
written to that file; other Python is a cell of one notebook; the lines of a bash block are
commands. A comment after a command says its expected end, if that is not success: `# refused` is
exit code 2, and `# Ctrl-C after WORDS` interrupts it when it prints these words; it must then end
with 130. `# needs MODULE` skips a command if this Python lacks the module. Exits with 1 if anything
else happens. Needs the extras [test] and [mnist].
"""

import argparse
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "first-hour.md"
BLOCK = re.compile(r"^## (?P<title>[^\n]*)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
NAME = re.compile(r"# (\S+\.(?:py|yaml))\n")
NOTE = re.compile(
    r"\s+# (?:(?P<refused>refused)|Ctrl-C after (?P<words>.+)|needs (?P<module>\w+))$"
)
TOLD = re.compile(r"accuracy\W+[01]\.\d|^(?:best|ensemble|longer|accuracy) [01]\.\d")
REFUSED, INTERRUPTED = 2, 130
LONGEST = 1200  # seconds of one command or cell


@dataclass(frozen=True)
class Step:
    """A step of a page. kind: file, command or cell; name: the file's; needs: a module, or ""."""

    section: str
    kind: str
    text: str
    name: str = ""
    code: int = 0
    words: str = ""
    needs: str = ""

    @property
    def possible(self) -> bool:
        """Whether this Python has the module that the step needs."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None


class StepFailed(Exception):
    """A step did not end as the page says."""


def read_steps(page: str) -> Iterator[Step]:
    """The steps of a page, in order; output (```text) is not a step."""
    section = ""
    for block in BLOCK.finditer(page):
        if block["title"]:
            section = block["title"]
        elif block["language"] == "bash":
            yield from map(lambda line: _command(section, line), _lines(block["text"]))
        elif named := NAME.match(block["text"]):
            yield Step(section, "file", block["text"], name=named[1])
        elif block["language"] == "python":
            yield Step(section, "cell", block["text"])
        elif block["language"] != "text":
            raise ValueError(f"a block of {block['language']} must begin with its file's name")


def _lines(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def _command(section: str, line: str) -> Step:
    note = NOTE.search(line)
    if note is None:
        return Step(section, "command", line)
    text, words, needs = line[: note.start()], note["words"] or "", note["module"] or ""
    code = REFUSED if note["refused"] else INTERRUPTED if words else 0
    return Step(section, "command", text, code=code, words=words, needs=needs)


class Runner:
    """Runs the steps in one folder, with this Python and this checkout."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self._folder, self._client, self._cells, self._open = folder, None, 0, ExitStack()
        for name, words in (("python", ""), ("hptjax", "-m hptjax ")):
            script = bin_folder / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n')
            script.chmod(0o755)
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # of the notebook's process, too
        os.environ["PATH"] = os.pathsep.join([str(bin_folder), os.environ["PATH"]])
        os.environ["PYTHONUNBUFFERED"] = "1"
        # Compiled programs of earlier runs would save time that a newcomer needs.
        os.environ["HPTJAX_COMPILE_CACHE"] = str(bin_folder / "compiled")

    def do(self, step: Step) -> str:
        """Runs a step; returns its output, or raises StepFailed if it did not end as it should."""
        if step.kind == "file":
            (self._folder / step.name).write_text(step.text)
            return ""
        return self._cell(step) if step.kind == "cell" else self._command(step)

    def _begun(self, text: str) -> Any:
        """Begins a command; returns its process, as subprocess.Popen does."""
        return subprocess.Popen(
            ["bash", "-c", text],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C then reaches it and its children, but not this process
        )

    def _command(self, step: Step) -> str:
        process = self._begun(step.text)
        said, pressed = [], False
        for line in process.stdout:
            said.append(line)
            if step.words and step.words in line and not pressed:
                os.killpg(process.pid, signal.SIGINT)
                pressed = True
        code = process.wait(LONGEST)
        if code != step.code:
            raise StepFailed(f"{''.join(said)}exit code {code}, not {step.code}: {step.text}")
        return "".join(said)

    def _cell(self, step: Step) -> str:
        import nbclient
        import nbformat
        from nbclient.exceptions import CellExecutionError

        cell = nbformat.v4.new_code_cell(step.text)
        if self._client is None:
            book = nbformat.v4.new_notebook()
            self._client = nbclient.NotebookClient(
                book,
                timeout=LONGEST,
                kernel_name="python3",
                resources={"metadata": {"path": str(self._folder)}},
            )
            self._open.enter_context(self._client.setup_kernel())
        self._client.nb.cells.append(cell)
        try:
            self._client.execute_cell(cell, self._cells)
        except CellExecutionError as error:
            raise StepFailed(str(error)) from None
        self._cells += 1
        return "".join(map(_output, cell.outputs))

    def close(self) -> None:
        """Ends the notebook's process."""
        self._open.close()


def _output(output) -> str:
    if output.output_type == "stream":
        return output.text
    return output.get("data", {}).get("text/plain", "") + "\n"


def figures(said: str) -> list[str]:
    """The lines with an accuracy, without those of single epochs."""
    lines = [line.strip() for line in said.splitlines()]
    return [line for line in lines if TOLD.search(line) and not line.startswith("epoch ")]


def run_page(page: Path, folder: Path, log) -> dict[str, float]:
    """Runs all steps of a page; prints them, and returns {section: seconds}."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as bin_folder:
        runner = Runner(folder, Path(bin_folder))
        try:
            for step in read_steps(page.read_text()):
                if step.section not in seconds:
                    print(f"\n{step.section}", flush=True)
                if not step.possible:
                    print(f"left out  {step.text} (there is no {step.needs})", flush=True)
                    continue
                began = time.perf_counter()
                said = runner.do(step)
                took = time.perf_counter() - began
                seconds[step.section] = seconds.get(step.section, 0) + took
                if step.kind != "file":
                    first = step.text.strip().splitlines()[0]
                    print(f"{took:6.1f} s  {first}", flush=True)
                    print("".join(f"          {line}\n" for line in figures(said)), end="")
                log.write(f"$ {step.text}\n{said}\n")
                log.flush()
        finally:
            runner.close()
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", nargs="?", type=Path, default=PAGE, help="a Markdown file")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in, which is kept")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="a file for all output")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare, args.log.open("w") as log:
        folder = args.folder or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--folder {folder}: must be empty.")
        try:
            seconds = run_page(args.page, folder.resolve(), log)
        except StepFailed as failure:
            print(failure, file=sys.stderr)
            return 1
    print()
    for section, took in seconds.items():
        print(f"{took:6.1f} s  {section}")
    print(f"{sum(seconds.values()):6.1f} s  in all, on {os.cpu_count()} CPU cores")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
