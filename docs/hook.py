"""What MkDocs calls while it builds the manual: adds generated pages, and tutorials."""

from pathlib import Path
from typing import Any

from hptjax_docs.pages import pages
from hptjax_docs.results import inserted, pictures
from mkdocs.config.defaults import MkDocsConfig  # pyright: ignore[reportMissingImports]
from mkdocs.structure.files import File, Files  # pyright: ignore[reportMissingImports]
from mkdocs.structure.pages import Page  # pyright: ignore[reportMissingImports]

TUTORIALS = "tutorials/"
FIRST = (
    "index",
    "your-images",
    "your-layers",
    "your-flax-module",
    "coming-from",
    "several-machines",
)
# How much a hit in a folder counts in the search, 1 elsewhere: guides before what they are made of.
BOOSTS = {"how-to": 2.0, "tutorials": 1.5, "results": 0.5}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the tutorials that there are in the place of `tutorials/` in the navigation."""
    folder = Path(config.docs_dir) / TUTORIALS
    names = sorted((page.stem for page in folder.glob("*.md")), key=_place)
    config.nav = [own for entry in config.nav or () for own in _with_tutorials(entry, names)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that follow from the code; none of them is a file of the repository."""
    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    for place, path in pictures().items():
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **others: Any) -> str:
    """Lays docstrings and tables of results into hand-written pages; says what their hits count."""
    boost = BOOSTS.get(page.file.src_uri.partition("/")[0])
    if boost is not None:
        page.meta.setdefault("search", {"boost": boost})
    return inserted(markdown)


def on_page_content(html: str, page: Page, **others: Any) -> str:
    """Takes out of a page's table of contents what is deeper than the page's `toc_depth`."""
    depth = page.meta.get("toc_depth")
    if depth is not None:
        _cut(page.toc, depth)
    return html


def _cut(links: Any, depth: int) -> None:
    for link in links:
        if link.level >= depth:
            link.children.clear()
        _cut(link.children, depth)


def _place(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST)), name


def _with_tutorials(entry: Any, names: list[str]) -> list[Any]:
    if not isinstance(entry, dict):
        return [entry]
    [(title, inner)] = entry.items()
    if inner == TUTORIALS:
        return [{title: [f"{TUTORIALS}{name}.md" for name in names]}] if names else []
    if isinstance(inner, list):
        inner = [own for one in inner for own in _with_tutorials(one, names)]
    return [{title: inner}]
