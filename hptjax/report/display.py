"""Where a run reports its progress: on a terminal, in a log, in a notebook cell, or nowhere."""

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
    """The functions by which a run reports its progress.

    say: shows a line. warn: shows an important line, about changes to the images. watch: a function
    from the name of the metric to the sink that shows the progress.
    """

    say: Callable[[str], None]
    warn: Callable[[str], None]
    watch: Callable[[str], Sink]


def console_display(console: Console) -> Display:
    """Shows lines, and progress bars if the console is a terminal."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    def watch(metric: str) -> Sink:
        if console.is_terminal:
            return ProgressBars(console, metric)
        return ProgressLines(console.file, metric)

    return Display(say, say, watch)


def python_display(progress: bool | None = None) -> Display:
    """The display for a caller in Python: a notebook cell, or that of the command line.

    progress: False shows nothing, and turns changes to the images into warnings; True shows bars
    even if the output is not a terminal.
    """
    if progress is False:
        return Display(lambda text: None, warn, lambda metric: Sink())
    if in_notebook():
        return Display(print, print, ProgressCell)
    return console_display(make_console(terminal=True if progress else None))
