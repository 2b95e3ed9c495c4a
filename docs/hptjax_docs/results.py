"""Pages that are files of the repository: measurements, changes, how to contribute."""

import csv
import re
from importlib import import_module
from pathlib import Path

from hptjax_docs.markdown import escaped, fenced, table
from hptjax_docs.meanings import doc

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "experiments" / "results"
COPIED = {
    "results/notes.md": ROOT / "experiments" / "benchmarks" / "NOTES.md",
    "results/known-spaces.md": RESULTS / "known_spaces.md",
    "project/changes.md": ROOT / "CHANGELOG.md",
    "project/contributing.md": ROOT / "CONTRIBUTING.md",
}
_TITLES = {
    "results/notes.md": "Measurements, and what was tried",
    "project/changes.md": "Changes",
}
# A word of the history stands in it more often than in the page that tells how it is today.
_UNSEARCHED = {"project/changes.md"}
_INSERTED = re.compile(r"^```(docstring|csv)\n(\S+)\n```$", re.MULTILINE)
_DIGITS = 4


def copied_pages() -> dict[str, str]:
    """Returns {place in the manual: Markdown} of files that are pages as they are."""
    return {place: _titled(place, path) for place, path in COPIED.items()}


def pictures() -> dict[str, Path]:
    """Returns {place in the manual: file} of the pictures beside the results."""
    return {f"results/{path.name}": path for path in sorted(RESULTS.glob("*.png"))}


def inserted(text: str) -> str:
    """Returns a page with what its blocks `docstring` and `csv` name in their place."""
    return _INSERTED.sub(lambda block: _inserted(block.group(1), block.group(2)), text)


def _inserted(kind: str, name: str) -> str:
    if kind == "docstring":
        return fenced(doc(import_module(name)), "text").rstrip()
    with open(ROOT / name, newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return table(head, [[escaped(_short(cell)) for cell in row] for row in rows]).rstrip()


def _short(cell: str) -> str:
    """A number of a table with the digits that say something."""
    try:
        value = float(cell)
    except ValueError:
        return cell
    return cell if value.is_integer() else f"{value:.{_DIGITS}g}"


def _titled(place: str, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    title = _TITLES.get(place)
    text = re.sub(r"\A# .*", f"# {title}", text) if title else text
    source = path.relative_to(ROOT).as_posix()
    first, _, rest = text.partition("\n")
    page = f"{first}\n\nThis page is `{source}`.\n{rest}"
    return f"---\nsearch: {{exclude: true}}\n---\n{page}" if place in _UNSEARCHED else page
