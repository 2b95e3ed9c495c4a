"""Checks that two versions find the same: runs the packaged studies with both, compares tables.

    git worktree add /tmp/before v0.1.0
    python -m experiments.same_as_before /tmp/before .

A process of each version runs each study, on the bundled sample, for one generation of each
strategy or less. Prints the SHA-256 of each trials.csv, and exits with 1 if two differ. A table
holds the values to the last bit, so both must run on one machine. It takes about 10 minutes on two
cores.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ONE = ("--data", "sample", "--generations", "1")
BIG = """
space: {lr: {type: float, low: 0.001, high: 0.01}}
strategies: [random]
population_size: 3
data: {train_limit: 640}
"""
STUDIES: dict[str, Sequence[str]] = {
    "quickstart": ("quickstart",),
    "trial1": ("trial1", *ONE, "--strategy", "des", "grid", "random", "tpe", "--epochs", "2"),
    "halving": ("trial1", *ONE, "--strategy", "random", "--schedule", "halving", "--epochs", "3"),
    "big_model": ("big_study.yaml", *ONE),
}


def table(version: Path, arguments: Sequence[str], folder: Path) -> str:
    """The SHA-256 of the trials.csv that a version writes; ends the program if it fails."""
    folder.mkdir()
    model = (version / "configs" / "big_model.yaml").read_text(encoding="utf-8")
    (folder / "big_study.yaml").write_text(model + BIG, encoding="utf-8")
    command = [sys.executable, "-m", "hptjax", "run", *arguments, "--out", "run"]
    here = {"PYTHONPATH": str(version.resolve())}
    done = subprocess.run(
        [*command, "--set", "tensorboard=false"],
        cwd=folder,
        env=os.environ | here,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return hashlib.sha256((folder / "run" / "trials.csv").read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--study", choices=STUDIES, nargs="*", default=list(STUDIES))
    args = parser.parse_args()
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for name in args.study:
            found = [
                table(version, STUDIES[name], Path(folder) / f"{name}{k}")
                for k, version in enumerate((args.before, args.after))
            ]
            same &= found[0] == found[1]
            verdict = "the same" if found[0] == found[1] else "DIFFERENT"
            print(f"{name:12} {found[0][:16]} {found[1][:16]}  {verdict}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
