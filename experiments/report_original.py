"""The page of `hptjax report` about the original study's logs, beside any number of runs.

    python -m experiments.report_original FOLDER [RUN ...] [--out DIR] [--allow-pickle]

FOLDER holds the published gs.csv, rs.csv, bs.csv and des.npz with des.json, or some of them, or is
one of these files. The published DES*.npy is a pickle, which can run any program when it is read:
--allow-pickle reads it. The values of trials that the original's schedule stopped do not count.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.original_logs import read_sources
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.report import write_report


def main(argv: Sequence[str] | None = None) -> int:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the original study's logs")
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="run directories")
    parser.add_argument("--out", type=Path, default=Path("report"), help="default: %(default)s")
    parser.add_argument("--formats", nargs="+", choices=("png", "svg", "pdf"), default=["png"])
    parser.add_argument("--allow-pickle", action="store_true", help="read DES*.npy: trust it first")
    args = parser.parse_args(argv)
    try:
        sources = read_sources([args.folder, *args.runs], allow_pickle=args.allow_pickle)
        print(f"Report: {write_report(sources, args.out, args.formats)}")
    except (ConfigError, MissingExtraError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
