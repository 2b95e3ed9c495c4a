"""The process of a command: standard streams that may be closed, and signals that end it."""

import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from types import FrameType

from hptjax.errors import printable

DONE, MISTAKE, NO_NETWORK = 0, 2, 3
INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143
EXIT_CODES = {  # all of them, as help and manual say them; 1 is Python's own
    DONE: "done",
    1: "an error in the code, with its traceback",
    MISTAKE: "a mistake of yours, in one line",
    NO_NETWORK: "the search trained no network to the end",
    INTERRUPTED: "stopped by Ctrl-C",
    CLOSED_PIPE: "nobody reads the output",
    TERMINATED: "stopped by SIGTERM",
}
LONGEST = 2000  # characters of a message


class Terminated(KeyboardInterrupt):
    """Raised by SIGTERM; it ends what Ctrl-C ends."""


class OutputClosed(Exception):
    """Nobody reads the output any more of a command that only prints."""


class _Output(io.TextIOWrapper):
    """Standard output that drops everything once its reader is gone."""

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
        os.dup2(nowhere, 1)  # also for the rest of the buffer
        os.close(nowhere)
        if self.only_prints:
            raise OutputClosed if isinstance(error, BrokenPipeError) else error
        if not isinstance(error, BrokenPipeError):
            say(f"standard output: {error.strerror}; this goes on without it.")


class Process:
    """The process of a command: its output, its signals and its last message."""

    def __init__(self) -> None:
        self.resume_hint = ""
        self._output: _Output | None = None
        self._said = self._ending = False

    def guard(self) -> None:
        """Replaces standard output; opens closed streams (`>&-`) to /dev/null."""
        for number in range(3):  # otherwise the next opened file would get its number
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
        """Prints every warning as one line, without its place in the code."""

        def show(message: Warning | str, *place: object, **more: object) -> None:
            say(str(message))

        warnings.showwarning = show

    def only_prints(self, yes: bool) -> None:
        """Sets whether a command only prints: it then ends without a reader."""
        if self._output is not None:
            self._output.only_prints = yes

    def last_words(self, stop: KeyboardInterrupt) -> int:
        """Prints once that the command was stopped; returns the exit code."""
        terminated = isinstance(stop, Terminated)
        if not self._said:
            self._said = True
            say(f"{'terminated' if terminated else 'interrupted'}{self.resume_hint}")
        return TERMINATED if terminated else INTERRUPTED

    def take_signals(self) -> None:
        """Lets the first Ctrl-C or SIGTERM end the command in order, the second at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # set by nohup or a shell
                signal.signal(number, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if not self._ending:
            self._ending = True
            raise stop
        os._exit(self.last_words(stop))  # the files on the disk survive a kill at any moment


def say(text: str) -> None:
    """Prints one line on standard error, with any text, and even if the stream is closed."""
    line = printable(" ".join(text.split()))
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    with suppress(OSError, ValueError):
        print(f"hptjax: {line}", file=sys.stderr, flush=True)
