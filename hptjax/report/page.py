"""Builds one HTML page from its parts; the page fetches nothing and contains all its scripts."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from hptjax.records.metrics import VAL

ASSETS = ("charts.js", "parallel.js", "tables.js")
FIXED = ("first quartile", "median", "third quartile", "mean", "mean best", "from", "to")
"""Columns of four decimals."""
CARDS = 4


@dataclass(frozen=True)
class Section:
    """A part of the page with its own heading; content: HTML."""

    title: str
    content: str

    @property
    def anchor(self) -> str:
        kept = "".join(c if c.isalnum() else "-" for c in self.title.lower())
        return "-".join(["section", *(word for word in kept.split("-") if word)])


def page(title: str, opening: str, sections: Sequence[Section]) -> str:
    """The whole document; opening: HTML under the title."""
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    parts = "".join(
        f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>{s.content}</section>\n'
        for s in sections
    )
    scripts = "".join(f"<script>\n{asset(name)}</script>\n" for name in ASSETS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">\n'
        f"<style>\n{asset('page.css')}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<nav>{links}</nav>\n{opening}\n{parts}"
        f"{scripts}</body></html>\n"
    )


def asset(name: str) -> str:
    """A style sheet or script of the page, as text."""
    return (files("hptjax.report") / "assets" / name).read_text(encoding="utf-8")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    text: Sequence[str] = (),
    fixed: Sequence[str] = (),
    bars: Sequence[str] = (),
    wrapped: Sequence[str] = (),
    sortable: str | None = None,
    ticks: Sequence[str | None] = (),
    ticked: int = 0,
) -> str:
    """An HTML table; in a narrow window each row of more than CARDS columns is a card.

    text: columns of words. fixed: further columns with four decimals, beside FIXED and the
    validation metrics. bars: columns of shares of 1, which are also drawn as bars. wrapped: columns
    of words that may take several lines. sortable: the id of the table, if clicks sort it. ticks:
    for each row the name of the curve that a checkbox in its first cell shows (None: no checkbox);
    the first `ticked` ones are ticked.
    """
    kinds = [
        _Kind(name, name in text, _is_fixed(name, fixed), name in bars, name in wrapped)
        for name in columns
    ]
    heads = "".join(f"<th{_class(kind.words)}>{_breakable(kind.name)}</th>" for kind in kinds)
    body = ""
    for k, row in enumerate(rows):
        box = _box(ticks[k], k < ticked) if ticks else ""
        cells = [_cell(value, kind) for value, kind in zip(row, kinds, strict=True)]
        body += f"<tr>{cells[0].replace('>', f'>{box}', 1)}{''.join(cells[1:])}</tr>"
    named = "" if sortable is None else f' id="{escape(sortable)}"'
    kind = "cards " * (len(columns) > CARDS) + "sortable" * (sortable is not None)
    tall = "" if sortable is None else " tall"
    return (
        f'<div class="scroll{tall}"><table class="{kind}"{named}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


@dataclass(frozen=True)
class _Kind:
    """How the cells of a column are shown."""

    name: str
    words: bool
    fixed: bool
    bar: bool
    wrapped: bool


def _breakable(name: str) -> str:
    """A heading that may break into several lines."""
    return escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _is_fixed(name: str, more: Sequence[str]) -> bool:
    return name in FIXED or name in more or name.startswith(VAL)


def _box(curve: str | None, on: bool) -> str:
    if curve is None:
        return ""
    label, checked = escape(curve), " checked" if on else ""
    return f'<input type="checkbox" data-curve="{label}" aria-label="curve of {label}"{checked}> '


def table_controls(table_id: str, hint: str) -> str:
    """A field that filters the rows of a table, their count, and a menu that sorts them."""
    name = escape(table_id)
    return (
        f'<div class="controls"><input type="search" data-filter="{name}" '
        f'placeholder="{escape(hint)}" aria-label="{escape(hint)}">'
        f'<span class="note" data-count="{name}"></span>'
        f'<select class="only-narrow" data-sort="{name}" aria-label="sort by">'
        '<option value="" disabled selected>sort by</option></select></div>'
    )


def image(png: bytes, caption: str) -> str:
    """A picture within the page."""
    data = base64.b64encode(png).decode()
    shown = escape(caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{shown}">'
        f"<figcaption>{shown}</figcaption></figure>"
    )


def details(summary: str, text: str) -> str:
    """Plain text, folded away under a line."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def folded(summary: str, content: str) -> str:
    """HTML folded away under a line."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def definitions(pairs: Mapping[str, Any]) -> str:
    """A table of two columns."""
    return table(("", ""), pairs.items(), text=("",))


def heading(text: str, kind: str = "") -> str:
    """A heading within a section; kind: its class, `metric` for a part about one metric."""
    return f'<h3 class="{kind}">{escape(text)}</h3>' if kind else f"<h3>{escape(text)}</h3>"


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def show(value: Any, fixed: bool = False) -> str:
    """A value as text for people: four digits of a real number, empty for a missing one.

    fixed: whether to use four decimals, so that a column lines up.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        if fixed and abs(value) < 1000:
            return f"{value:.4f}"
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


def plain_rows(frame: pd.DataFrame) -> list[list[Any]]:
    """The values of a table, None for missing ones."""
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


def _cell(value: Any, kind: _Kind) -> str:
    shown = escape(show(value, kind.fixed))
    if kind.words:
        cut = f' long" title="{shown}' if len(shown) > 40 else ""
        cut = " wrap" if kind.wrapped else cut
        return f'<td class="text{cut}">{shown}</td>'
    exact = repr(value) if isinstance(value, float) and shown else shown
    key = f' data-key="{exact}"' if exact != shown or not shown else ""
    if kind.bar and shown:
        return f'<td class="bar" style="--share: {value:.1%}"{key}>{shown}</td>'
    return f"<td{key}>{shown}</td>"


def _class(words: bool) -> str:
    return ' class="text"' if words else ""
