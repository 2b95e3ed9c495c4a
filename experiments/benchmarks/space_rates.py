"""Compares the training speed on other spaces with PyTorch's: whole searches, in turn.

The runs are those of `python -m experiments.spaces`; here one table has the rates of all spaces.
"""

import json
import statistics
from collections.abc import Sequence
from typing import Any

from ..spaces.__main__ import Run, compare, parse
from ..spaces.table import SPACES
from .common import machine, median_ratio, rounded, show

ALL = "all"
COLUMNS = ("space", "way", "member-samples/s", "ms per 64 images and member", "hptjax is x")


def report(name: str, options: Sequence[str]) -> int:
    """Searches one space, or all; options: those of `experiments.spaces`."""
    print(machine(), flush=True)
    rows, out = [], {}
    for space in SPACES if name == ALL else [name]:
        seconds, samples = _seconds([space, *options])
        out[space] = {"seconds": seconds, "samples": samples}
        for way, own in seconds.items():
            ratio = median_ratio(own, seconds["hptjax"])
            rate = samples / statistics.median(own)
            if way != "hptjax":
                out[space][f"{way} / hptjax"] = rounded(ratio)
            rows.append([space, way, rate, 64e3 / rate, ratio])
    show("Searches without their compiling; they evaluate and propose, too", COLUMNS, rows)
    print(json.dumps(out))
    return 0


def _seconds(argv: Sequence[str]) -> tuple[dict[str, list[float]], int]:
    """The seconds of each way in each round, and how many images all trials were trained on."""
    args = parse(argv)
    runs, study, sizes = compare(args)
    seconds = {way: [_trained(run) for run in own] for way, own in runs.items()}
    assert study.budget.trials is not None, "a space's budget counts trials"
    return seconds, study.budget.trials * study.epochs * sizes["epoch"]


def _trained(run: Run) -> Any:
    return run["search_s"] - run["compile_s"]
