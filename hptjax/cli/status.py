"""`hptjax status`: shows the state of a run, also while it is being written."""

import argparse

from hptjax.report.status import read_status, status_notes, status_table
from hptjax.report.terminal import make_console


def status(args: argparse.Namespace) -> int:
    """Prints the state of each strategy of a run."""
    console = make_console()
    found = read_status(args.run)
    console.print(f"Run directory: {args.run}", soft_wrap=True)
    console.print(status_table(found))
    for note in status_notes(found):
        console.print(note)
    return 0
