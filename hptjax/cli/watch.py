"""`hptjax watch`: shows a running study live, from a second shell."""

import argparse
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live

from hptjax.report.status import read_status
from hptjax.report.terminal import make_console
from hptjax.report.watch import follow, watch_view


def watch(args: argparse.Namespace) -> int:
    """Shows the run until it is finished; Ctrl-C leaves it alone."""
    console = make_console()
    if args.once:
        console.print(watch_view(str(args.run), read_status(args.run), console.width))
        return 0
    with suppress(KeyboardInterrupt):
        show_live(args.run, args.every, console)
    return 0


def show_live(path: Path, every: float, console: Console, sleep=time.sleep) -> None:
    """Redraws the view in place; without a terminal, prints it for each new record."""
    if not console.is_terminal:
        seen = -1
        for status in follow(path, every, sleep):
            made = sum(len(strategy.generations) for strategy in status.strategies)
            if made != seen or status.finished:
                console.print(watch_view(str(path), status, console.width))
            seen = made
        return
    with Live(console=console, auto_refresh=False) as live:
        for status in follow(path, every, sleep):
            live.update(watch_view(str(path), status, console.width), refresh=True)
