"""Searches one space with PyTorch and Optuna: one JSON line when it is done.

    python -m experiments.spaces.peer keras_cnn arrays.npz --trials 20 --epochs 5

arrays.npz is what `python -m experiments.spaces.arrays` writes. Needs torch, optuna and numpy only.
"""

import argparse
import json
import sys

from .searching import Job, search
from .table import LAYOUTS, WORKERS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.spaces.peer")
    parser.add_argument("name")
    parser.add_argument("arrays")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=WORKERS, default="processes")
    parser.add_argument("--layout", choices=LAYOUTS, default="channels_last")
    print(json.dumps(search(Job(**vars(parser.parse_args())))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
