"""The report: one HTML page about any number of runs, and its figures as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hptjax.report import interactive, page, sections
from hptjax.report.figures import Picture, pictures_of, write_pictures
from hptjax.report.page import Section
from hptjax.report.sources import Source, Tables, join_sources


def write_report(
    sources: Mapping[str, Source], folder: Path, formats: Sequence[str] = ("png",)
) -> Path:
    """Writes report.html and figures/ to a folder; gives the page's path.

    sources: as of `read_sources`; formats: of the figures, any of png, svg, pdf. Raises:
    MissingExtraError without plotly.
    """
    script = interactive.script()  # what is missing is missed before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    tables = join_sources(sources)
    pictures = pictures_of(tables, sources)
    made = write_pictures(pictures, folder / "figures", formats)
    path = folder / "report.html"
    path.write_text(_page(tables, sources, made, script), encoding="utf-8")
    return path


def _page(
    tables: Tables,
    named: Mapping[str, Source],
    pictures: Sequence[tuple[Picture, bytes]],
    script: str,
) -> str:
    """The page's text; script: that of plotly."""
    trials = tables.trials
    parts = [
        Section("Strategies", sections.summary(tables, named)),
        Section("Statistics", sections.statistics(tables)),
        Section("Best so far", sections.best_so_far(trials)),
        Section("Parallel coordinates", sections.parallel(trials, named)),
        Section("Importances", sections.importances(trials, named)),
        Section("Leaderboard", sections.leaderboard(trials, named)),
        Section("Figures", sections.figures(pictures)),
        Section("Ledger", sections.ledger(named)),
        Section("Configs", sections.configs(named)),
        Section("Environment", sections.environments(named)),
    ]
    shown = [part for part in parts if part.content]
    return page.page(", ".join(named), sections.lead(trials), shown, [script])
