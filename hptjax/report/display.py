"""Where a run tells what it does: a terminal, a log file, a cell of a notebook, or nowhere."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from hptjax.data.parts import warn
from hptjax.notebook import in_notebook
from hptjax.report.cell import ProgressCell
from hptjax.report.progress import ProgressBars, ProgressLines
from hptjax.report.terminal import make_console
from hptjax.study.sink import Sink


@dataclass(frozen=True)
class Display:
    """Where a run tells what it does.

    say: shows a line; warn: shows one that nobody should miss, on what is done to the images;
    watch(metric): the sink that shows how far the run is, by the name of what trials are judged by.
    """

    say: Callable[[str], None]
    warn: Callable[[str], None]
    watch: Callable[[str], Sink]


def console_display(console: Console) -> Display:
    """Lines, and a bar where the console is a terminal."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    def watch(metric: str) -> Sink:
        if console.is_terminal:
            return ProgressBars(console, metric)
        return ProgressLines(console.file, metric)

    return Display(say, say, watch)


def python_display(progress: bool | None = None) -> Display:
    """What a caller in Python sees: a cell of a notebook, or what the command line shows.

    progress: False shows nothing, and what is done to the images becomes a warning; True shows bars
    also where the output is no terminal.
    """
    if progress is False:
        return Display(lambda text: None, warn, lambda metric: Sink())
    if in_notebook():
        return Display(print, print, ProgressCell)
    return console_display(make_console(terminal=True if progress else None))
