"""Small HTML tables that show objects in a notebook, in the notebook's own colours."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

LONGEST = 160  # characters of a cell
_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
_SOFT = "opacity:.7"


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, not in a script or a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def block(title: str, *parts: str, note: str = "") -> str:
    """A title, parts of HTML below it, and a faint last line. title, note: plain text."""
    last = f'<div style="{_SOFT}">{escape(note)}</div>' if note else ""
    return f"<div><div><b>{escape(title)}</b></div>{''.join(parts)}{last}</div>"


def line(text: str) -> str:
    """A line of plain text."""
    return f"<div>{escape(text)}</div>"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of plain values; the heading is left out if all column names are empty."""
    heads = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in columns)
    head = f"<thead><tr>{heads}</tr></thead>" if any(columns) else ""
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in rows)
    return f'<div style="overflow-x:auto"><table>{head}<tbody>{body}</tbody></table></div>'


def _td(value: Any) -> str:
    return f'<td style="{_CELL}">{escape(cell(value))}</td>'


def folded(title: str, content: str) -> str:
    """HTML that is folded away under a line of plain text."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def cell(value: Any) -> str:
    """A value as text for people: four digits of a real number, a mapping as `{key: value}`."""
    text = _text(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_text(own)}' for key, own in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)


def pairs(tree: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A nested mapping as rows of dotted keys and values; deeper nesting stays in one cell."""
    rows: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            rows += [(f"{key}.{inner}", own) for inner, own in value.items()]
        else:
            rows.append((key, value))
    return rows
