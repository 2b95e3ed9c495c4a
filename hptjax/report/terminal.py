"""Text on a terminal: shown as it is, never read as rich's markup, control characters escaped."""

import sys
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hptjax.errors import printable

PIPED_WIDTH = 160  # columns: a table in a log file must not be squeezed into a guessed 80


class PlainConsole(Console):
    """A console for which every string is plain text."""

    def render_str(self, text: str, *, style: Any = "", **options: Any) -> Text:
        layout = {key: options.get(key) for key in ("justify", "overflow")}
        return plain_text(*text.split("\n"), style=style, **layout)


def make_console(file: IO[str] | None = None) -> Console:
    """The console that commands print to. file: standard output unless given."""
    piped = not (file or sys.stdout).isatty()
    return PlainConsole(file=file, width=PIPED_WIDTH if piped else None, highlight=False)


def plain_text(*lines: object, **layout: Any) -> Text:
    """Lines for any console or table, whatever they hold."""
    return Text("\n".join(printable(str(line)) for line in lines), **layout)


class PlainTable(Table):
    """A table whose texts are plain in any console; a line break in a cell is one."""

    def __init__(self, *, title: str | None = None, caption: str | None = None, **o: Any) -> None:
        super().__init__(title=_plain(title), caption=_plain(caption), **o)

    def add_column(self, header: Any = "", *more: Any, **options: Any) -> None:
        super().add_column(_plain(header), *more, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*map(_plain, cells), **options)


def _plain(cell: Any) -> Any:
    return plain_text(*cell.split("\n")) if isinstance(cell, str) else cell
