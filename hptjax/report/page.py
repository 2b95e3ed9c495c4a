"""One HTML page from its parts: nothing in it is fetched, its only script is what stands in it."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from hptjax.records.metrics import VAL

STYLE = """
:root { color-scheme: light; --line: #d9dde3; --soft: #f4f6f8; --text: #1c2733; --link: #0b5cad; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 0 16px 64px; color: var(--text);
  background: #fff; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: 1.2rem 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: .8rem 0; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
p { max-width: 75ch; margin: .4rem 0; } .note { color: #56616d; font-size: .9rem; }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 6px; }
.tall { max-height: 70vh; }
table { border-collapse: collapse; width: 100%; font-size: .85rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--soft); }
td.text, th.text { text-align: left; } td.long { max-width: 36ch;
  overflow: hidden; text-overflow: ellipsis; }
th:empty { padding: 0; border: 0; }
tbody tr:hover { background: var(--soft); } tbody tr:last-child td { border-bottom: 0; }
.sortable th { cursor: pointer; user-select: none; }
.sortable th:hover, .sortable th:focus-visible { color: var(--link); }
th[aria-sort=ascending]::after { content: " \\25B2"; font-size: .7em; }
th[aria-sort=descending]::after { content: " \\25BC"; font-size: .7em; }
input[type=search] { font: inherit; width: min(100%, 320px); padding: 4px 8px; margin: .3rem 0;
  border: 1px solid var(--line); border-radius: 6px; }
.figures { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
figure { margin: 0; } figure img { width: 100%; height: auto; }
figcaption { color: #56616d; font-size: .9rem; }
details { margin: .5rem 0; } summary { cursor: pointer; font-weight: 600;
  overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: 6px; padding: 10px; overflow: auto;
  font-size: .8rem; max-height: 60vh; }
.plot { border: 0; } .plot > div { min-width: var(--plot, 0); }
"""
SORT = """
document.querySelectorAll("table.sortable").forEach(table => {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const key = (row, k) => row.cells[k].dataset.key ?? row.cells[k].textContent;
  const sort = k => {
    const up = heads[k].getAttribute("aria-sort") !== "ascending", sign = up ? 1 : -1;
    heads.forEach(head => head.removeAttribute("aria-sort"));
    heads[k].setAttribute("aria-sort", up ? "ascending" : "descending");
    const number = !heads[k].classList.contains("text");
    const compare = (a, b) => number
      ? ((a === "") - (b === "")) || sign * (a - b)  // what is missing stays last
      : sign * a.localeCompare(b, undefined, {numeric: true});
    body.append(...[...body.rows].sort((a, b) => compare(key(a, k), key(b, k))));
  };
  heads.forEach((head, k) => {
    head.tabIndex = 0;
    head.onclick = () => sort(k);
    head.onkeydown = event => { if (event.key === "Enter") sort(k); };
  });
});
document.querySelectorAll("input[data-filter]").forEach(input => input.oninput = () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  for (const row of document.getElementById(input.dataset.filter).tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
});
"""
FIXED = (  # columns of four decimals
    *("best", "q1", "median", "q3", "mean", "mean best", "from", "to"),
)


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own; content: HTML."""

    title: str
    content: str

    @property
    def anchor(self) -> str:
        kept = "".join(c if c.isalnum() else "-" for c in self.title.lower())
        return "-".join(["section", *(word for word in kept.split("-") if word)])


def page(title: str, lead: str, sections: Sequence[Section], scripts: Sequence[str] = ()) -> str:
    """The whole document; lead: HTML under the title; scripts: that the sections' own need."""
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    parts = "".join(
        f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>{s.content}</section>\n'
        for s in sections
    )
    head = "".join(f"<script>{script}</script>\n" for script in scripts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n{head}</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{lead}\n<nav>{links}</nav>\n{parts}"
        f"<script>{SORT}</script>\n</body></html>\n"
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    text: Sequence[str] = (),
    fixed: Sequence[str] = (),
    sortable: str | None = None,
) -> str:
    """An HTML table; text: columns that hold words; sortable: its id, if clicks sort it.

    fixed: more columns of four decimals than FIXED and the metrics of validation.
    """
    words = {name for name in columns if name in text}
    decimals = [name in FIXED or name in fixed or name.startswith(VAL) for name in columns]
    kinds = [(name in words, four) for name, four in zip(columns, decimals, strict=True)]
    heads = "".join(f"<th{_class(name in words)}>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>"
        + "".join(_cell(value, *kind) for value, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    kind = "" if sortable is None else f' class="sortable" id="{escape(sortable)}"'
    tall = "" if sortable is None else " tall"
    return (
        f'<div class="scroll{tall}"><table{kind}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def search_box(table_id: str, hint: str) -> str:
    """A field whose words filter the rows of a table."""
    return (
        f'<input type="search" data-filter="{escape(table_id)}" '
        f'placeholder="{escape(hint)}" aria-label="{escape(hint)}">'
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
    """Text as it is, folded away under a line."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def definitions(pairs: Mapping[str, Any]) -> str:
    """A table of two columns."""
    return table(("", ""), pairs.items(), text=("",))


def plot(html: str, width: int = 0) -> str:
    """An interactive picture; on a window narrower than `width` pixels it scrolls."""
    return f'<div class="scroll plot" style="--plot: {width}px">{html}</div>'


def heading(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def show(value: Any, fixed: bool = False) -> str:
    """A value for people: four digits of a real number, nothing for a missing one.

    fixed: four decimals, so that a column of likes lines up.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        if fixed and abs(value) < 1000:
            return f"{value:.4f}"
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


def _cell(value: Any, words: bool, fixed: bool) -> str:
    shown = escape(show(value, fixed))
    if words:
        cut = f' long" title="{shown}' if len(shown) > 40 else ""
        return f'<td class="text{cut}">{shown}</td>'
    exact = repr(value) if isinstance(value, float) and shown else shown
    key = f' data-key="{exact}"' if exact != shown or not shown else ""
    return f"<td{key}>{shown}</td>"


def _class(words: bool) -> str:
    return ' class="text"' if words else ""
