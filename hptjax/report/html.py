"""The report: one HTML page about any number of runs, with its figures as files."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from hptjax.report import appendix, comparison, front, page, sections
from hptjax.report.figures import Picture, named_pictures, write_pictures
from hptjax.report.page import Section
from hptjax.report.sources import Source, View, join_sources, views_of


def write_report(
    sources: Mapping[str, Source], folder: Path, formats: Sequence[str] = ("png",)
) -> Path:
    """Writes report.html and figures/ to a folder; returns the path of the page.

    sources: as `read_sources` returns them. formats: of the figures, any of png, svg, pdf.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = join_sources(sources)
    views = views_of(tables, sources)
    pictures = [picture for view in views for picture in named_pictures(view)]
    made = write_pictures(pictures, folder / "figures", formats)
    path = folder / "report.html"
    path.write_text(_page(views, sources, made), encoding="utf-8", errors="backslashreplace")
    return path


def _page(
    views: Sequence[View],
    named: Mapping[str, Source],
    pictures: Sequence[tuple[Picture, bytes]],
) -> str:
    """The text of the page: the answer first, then more and more details."""
    each = partial(sections.each, views)
    parts = [
        Section("Best so far", each(sections.best_so_far)),
        Section("Learning curves", each(sections.learning_curves)),
        Section("Leaderboard", each(sections.leaderboard)),
        Section("Pareto front", each(front.pareto)),
        Section("Hyperparameters", each(sections.hyperparameters)),
        Section("Searches", each(comparison.summary)),
        Section("Figures", sections.figures(pictures)),
        Section("Statistics", each(comparison.statistics)),
        Section("Details", appendix.details(named)),
    ]
    shown = [part for part in parts if part.content]
    return page.page(", ".join(named), sections.opening(views), shown)
