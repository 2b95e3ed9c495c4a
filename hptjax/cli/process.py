"""The process of a command: standard streams that may be closed, and signals that end it."""

import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from types import FrameType

from hptjax.errors import printable

INTERRUPTED, TERMINATED, CLOSED_PIPE = 130, 143, 141
LONGEST = 2000  # characters of a last word


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends what Ctrl-C ends."""


class OutputClosed(Exception):
    """Nobody reads any more what a command prints that does nothing else."""


class _Output(io.TextIOWrapper):
    """Standard output: once its reader is gone, what is printed goes nowhere."""

    only_prints = False

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._leave(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._leave(error)

    def _leave(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # also for what is in the buffer still
        os.close(nowhere)
        if self.only_prints:
            raise OutputClosed if isinstance(error, BrokenPipeError) else error
        if not isinstance(error, BrokenPipeError):
            say(f"standard output: {error.strerror}; this goes on without it.")


class Process:
    """What a command tells its process, and what its last words are."""

    def __init__(self) -> None:
        self.resume_hint = ""
        self._output: _Output | None = None
        self._said = self._ending = False

    def guard(self) -> None:
        """Replaces standard output; a stream that is closed (`>&-`) is opened to nowhere."""
        for number in range(3):  # else the next file that is opened would take its place
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
        if sys.stderr is None:
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        encoding = sys.stdout.encoding if sys.stdout is not None else "utf-8"
        sys.stdout = self._output = _Output(
            open(1, "wb", closefd=False),  # noqa: SIM115
            encoding=encoding,
            errors="backslashreplace",
            line_buffering=os.isatty(1),
        )

    def tell_warnings(self) -> None:
        """Has every warning said as one line: where in the code it arose is not for users."""

        def show(message: Warning | str, *place: object, **more: object) -> None:
            say(str(message))

        warnings.showwarning = show

    def only_prints(self, yes: bool) -> None:
        """Whether a command does nothing but print: without a reader it then ends."""
        if self._output is not None:
            self._output.only_prints = yes

    def last_words(self, stop: KeyboardInterrupt) -> int:
        """Says once that the command was stopped; gives the exit code."""
        terminated = isinstance(stop, Terminated)
        if not self._said:
            self._said = True
            say(f"{'terminated' if terminated else 'interrupted'}{self.resume_hint}")
        return TERMINATED if terminated else INTERRUPTED

    def take_signals(self) -> None:
        """The first Ctrl-C or SIGTERM ends the command in order, the second one at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's, or a shell's
                signal.signal(number, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if not self._ending:
            self._ending = True
            raise stop
        os._exit(self.last_words(stop))  # what is on the disk bears a kill at any moment


def say(text: str) -> None:
    """One line on standard error, whatever the text holds and whoever listens."""
    line = printable(" ".join(text.split()))
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    with suppress(OSError, ValueError):
        print(f"hptjax: {line}", file=sys.stderr, flush=True)
