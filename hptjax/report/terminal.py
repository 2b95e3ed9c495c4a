"""Plain text on a terminal: never read as rich's markup, with control characters escaped."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

from hptjax.errors import printable

EDGES, WRAPPED = 3, 16  # characters: beside a text, and of a wrapped text
PIPED_WIDTH = 160  # characters: rich's guess of 80 would squeeze tables in log files


class PlainConsole(Console):
    """A console for which every string is plain text."""

    def render_str(self, text: str, *, style: Any = "", **options: Any) -> Text:
        layout = {key: options.get(key) for key in ("justify", "overflow")}
        return plain_text(*text.split("\n"), style=style, **layout)


def make_console(file: IO[str] | None = None, *, terminal: bool | None = None) -> Console:
    """The console that commands print to; file: standard output by default.

    terminal: True treats it as a terminal in any case.
    """
    piped = not (file or sys.stdout).isatty() and not terminal
    width = PIPED_WIDTH if piped else None
    return PlainConsole(file=file, width=width, highlight=False, force_terminal=terminal)


def patience(console: Console, text: str) -> AbstractContextManager[Any]:
    """Shows a spinner below the output, if the console is a terminal."""
    return console.status(text) if console.is_terminal else nullcontext()


def plain_text(*lines: object, **layout: Any) -> Text:
    """Lines as plain text for any console or table."""
    return Text("\n".join(printable(str(line)) for line in lines), **layout)


class PlainTable(Table):
    """A table whose texts are plain in any console; line breaks in cells are kept.

    On a narrow terminal it leaves out its spare columns, the last one first, so that the others
    stay readable.
    """

    def __init__(self, *, title: str | None = None, caption: str | None = None, **o: Any) -> None:
        super().__init__(title=_plain(title), caption=_plain(caption), **o)
        self._spare: list[Column] = []

    def add_column(self, header: Any = "", *more: Any, spare: bool = False, **options: Any) -> None:
        super().add_column(_plain(header), *more, **options)
        if spare:
            self._spare.append(self.columns[-1])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        every, spare = self.columns, list(self._spare)
        while spare and self._needs() > options.max_width:
            left_out = spare.pop()
            self.columns = [column for column in self.columns if column is not left_out]
        try:
            yield from super().__rich_console__(console, options)
        finally:
            self.columns = every

    def _needs(self) -> int:
        """The width in which every column is readable."""
        return 1 + sum(EDGES + _readable(column) for column in self.columns)

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*map(_plain, cells), **options)


def _plain(cell: Any) -> Any:
    return plain_text(*cell.split("\n")) if isinstance(cell, str) else cell


def _readable(column: Column) -> int:
    """The width in which a column is readable: its widest line, or less if lines wrap."""
    texts = [str(text) for text in (column.header, *column.cells)]
    widest = max(cell_len(line) for text in texts for line in text.split("\n"))
    return widest if column.no_wrap else min(widest, WRAPPED)
