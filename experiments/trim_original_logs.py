"""The original study's published logs, cut down to what the readers need, for the tests.

    python -m experiments.trim_original_logs FOLDER [tests/data/original-study]

FOLDER holds gs.csv, rs.csv, bs.csv, des.npz, des.json and LICENSE-original, as published with
CNN-Hyperparameter-Tuning (R. Staszkiewicz 2023, MIT; des.npz and des.json hold the arrays and the
rest of its DES-Trial1-29458s.npy, read once with pickles allowed). Numbers are unchanged; columns
without facts about trials are dropped, and the files are compressed. It takes a second, and leaves
108 KB.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.original_logs import BOUNDS, RAY

CONFIG = [f"config/{name}" for name in BOUNDS]
ARRAYS = ("value", "pop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("tests/data/original-study"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("gs", "rs", "bs"):
        log = pd.read_csv(args.folder / f"{name}.csv", dtype=str)  # text: not a digit changes
        compression = {"method": "gzip", "mtime": 0}  # the same bytes each time
        log[[*RAY, *CONFIG]].to_csv(
            args.out / f"{name}.csv.gz", index=False, compression=compression
        )
    with np.load(args.folder / "des.npz") as arrays:
        np.savez_compressed(args.out / "des.npz", **{name: arrays[name] for name in ARRAYS})
    result = json.loads((args.folder / "des.json").read_text())
    (args.out / "des.json").write_text(json.dumps(result, indent=1) + "\n")
    shutil.copyfile(args.folder / "LICENSE-original", args.out / "LICENSE")


if __name__ == "__main__":
    main()
