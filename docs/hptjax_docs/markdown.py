"""Pieces of Markdown: text in which nothing is taken for markup, code, tables."""

import re
from collections.abc import Callable, Iterable, Sequence

# Before a page's title: its table of contents has the sections alone. docs/hook.py reads it.
TOC_OF_SECTIONS = "---\ntoc_depth: 2\n---\n"
_SESSION = re.compile(r"^( *)>>> .*(?:\n\1 *\S.*)*", re.MULTILINE)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def escaped(text: str) -> str:
    """Returns text in which nothing outside code is markup: no HTML, link or emphasis."""
    return _outside_code(text, _plain)


def docstring(text: str) -> str:
    """Returns a docstring as Markdown: its sessions `>>> ...` are code, the rest as `literal`."""
    return literal(_SESSION.sub(r"\1```pycon\n\g<0>\n\1```", text))


def literal(text: str) -> str:
    """Returns Markdown in which `<path>`, outside code, is no HTML, and `a[b][c]` no link."""
    return _outside_code(text, _no_html)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for found in _CODE.finditer(text):
        parts += [change(text[end : found.start()]), found.group()]
        end = found.end()
    return "".join([*parts, change(text[end:])])


def _no_html(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("][", "]&#91;")


def _plain(text: str) -> str:
    return _no_html(text).replace("](", "]&#40;").replace("*", "\\*")


def code(text: object) -> str:
    """Returns a word as code, nothing for no word."""
    return f"`{text}`" if str(text) else ""


def fenced(text: str, language: str) -> str:
    """Returns a block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; cells are Markdown of one line."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def anchor(*words: str) -> str:
    """Returns an id for a heading."""
    return re.sub(r"[^a-z0-9_.-]+", "-", "-".join(words).lower()).strip("-")


def heading(level: int, text: str, name: str) -> str:
    """Returns a heading with an id of its own."""
    return f"{'#' * level} {text} {{ #{name} }}\n"
