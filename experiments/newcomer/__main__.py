"""Tries what once failed for a newcomer, and says of each whether it works now.

    python -m experiments.newcomer                # all, some minutes on two cores
    python -m experiments.newcomer 6 7 8
    python -m experiments.newcomer --out experiments/results/newcomer.md

An item is tried as a user would: a command in a process of its own, Python in this one. Its verdict
follows from what is seen: it works, one clear line refuses it, or it is open. Ends with 1 where a
verdict is not the expected one.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from experiments.newcomer.base import ITEMS, LONGEST, Item, Refused, flat

SECTIONS = ("results", "traps", "own_data", "parts", "notebook", "page", "commands")
HEAD = "| # | what is asked | what happens now | verdict |\n|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """What became of an item. kind: works, refused or open."""

    item: Item
    seen: str
    kind: str
    verdict: str
    seconds: float

    @property
    def expected(self) -> bool:
        return self.kind == self.item.expects

    def text(self) -> str:
        cells = [str(self.item.number), self.item.asked, self.seen, self.verdict]
        return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """A text of the table: without the frames of tables, and without this machine's folders."""
    line = re.sub(r"\S*/newcomer-[^/\s]*/", "", re.sub("[│┃ ]+", " ", flat(text))).strip()
    line = line.replace("|", "\\|")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def tried(one: Item, shop: object) -> Row:
    """Tries an item; whatever it raises is what is seen."""
    began = time.perf_counter()
    try:
        seen, kind, verdict = one.function(shop), "works", "works"
        if isinstance(seen, Refused):
            seen, kind, verdict = seen.beside, "refused", f"refused: {seen}"
    except AssertionError as error:
        kind, seen, verdict = "open", "-", f"open: {error}"
    except Exception as error:  # any crash is what a user would see
        kind, seen = "crashed", "-"
        verdict = f"open: it crashes with {type(error).__name__}: {error}"
    return Row(one, seen, kind, verdict, time.perf_counter() - began)


def read_items() -> None:
    """Has every section register what it tries."""
    for section in SECTIONS:
        import_module(f"experiments.newcomer.{section}")


def summary(rows: Sequence[Row]) -> str:
    counts = [
        f"{sum(r.kind == kind for r in rows)} {kind}" for kind in ("works", "refused", "open")
    ]
    wrong = [r.item.number for r in rows if not r.expected]
    return f"{len(rows)} items: {', '.join(counts)}" + (
        f"; not as expected: {wrong}" if wrong else ""
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="default: all")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the table there, too")
    args = parser.parse_args(arguments)
    out = args.out and args.out.resolve()
    read_items()
    unknown = sorted({*args.numbers} - {*ITEMS})
    if unknown:
        parser.error(f"there are items 1 to {max(ITEMS)}, not {unknown}")
    rows = []
    print(HEAD)
    with tempfile.TemporaryDirectory(prefix="newcomer-", ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        os.environ["HPTJAX_COMPILE_CACHE"] = f"{folder}/programs"
        warnings.simplefilter("ignore")  # items that need one catch it
        from experiments.newcomer.workshop import Workshop

        shop = Workshop(Path(folder), Path(folder, "programs"))
        for number in args.numbers or sorted(ITEMS):
            rows.append(tried(ITEMS[number], shop))
            print(rows[-1].text(), flush=True)
            print(f"{number}: {rows[-1].seconds:.1f} s", file=sys.stderr)
        table = "\n".join([HEAD, *(row.text() for row in rows)])
        os.chdir("/")
    print(summary(rows))
    if out:
        out.write_text(f"{INTRODUCTION}\n{summary(rows)}.\n\n{table}\n")
    return int(not all(row.expected for row in rows))


INTRODUCTION = """\
# What once failed for a newcomer with data of his own

Made by `python -m experiments.newcomer --out experiments/results/newcomer.md`, which tries each
item as a user would and ends with 1 where a verdict changes.
"""


if __name__ == "__main__":
    sys.exit(main())
