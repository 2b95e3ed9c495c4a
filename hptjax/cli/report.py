"""`hptjax report`: writes a page with figures about any number of runs."""

import argparse
import webbrowser
from pathlib import Path

from hptjax.report.html import write_report
from hptjax.report.sources import read_sources
from hptjax.report.terminal import make_console, patience


def report(args: argparse.Namespace) -> int:
    """Writes the report and says where it is."""
    with patience(make_console(), "writing the page"):
        sources = read_sources(args.runs)
        path = write_report(sources, args.out or default_folder(args.runs), args.formats)
    print(f"Report: {path}")
    if args.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def default_folder(runs: list[Path]) -> Path:
    """A folder in the run, if there is only one; else in the present directory."""
    return runs[0] / "report" if len(runs) == 1 else Path("report")
