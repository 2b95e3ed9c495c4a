"""Measures the parts of a training step's time, for a few body shapes on one core.

    python -m experiments.benchmarks.step_breakdown [--quick] [--bodies 16,8,2 24,16,1] [--rounds N]
    python -m experiments.benchmarks.step_breakdown --layers [max_pool conv ...]

A body is given as the channels of its two blocks and the stride of the first (the default model is
16,8,2). Each layer of a step runs alone in a compiled loop at the body's shapes; so does the whole
step of the engine. All take turns with the machine's sgemm; a part is the median of the rounds. The
backward pass of a layer is both passes less the forward one. Alone, a layer is not fused with its
neighbours, and its arrays are still in the caches: "not accounted for", the step less its parts,
may be negative. The last line of output is one JSON object: shares of the step, useful GFLOP/s.

With --layers it instead times each kind of layer, or the named ones, at typical shapes
(`layer_cases`). It prints minima of the rounds: useful GFLOP/s of layers with products, GB/s of the
others (maps and gradients read and written once), and their shares of the speed of our kernels of
convolutions and batch norm on the same maps. Layers of units are compared with 16 maps.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from . import layer_rates
from .common import machine, rounded, show
from .layer_cases import names
from .peers.sgemm import gflops, products
from .step_parts import BOTH, FORWARD, STEPS, parts_of, step_of
from .timed import Timed, looped

BODIES = ("16,8,2", "24,16,1", "12,12,1", "24,16,2", "8,8,3")
QUICK = BODIES[:2]
WHOLE, REST = "whole step", "not accounted for"


Pieces = list[tuple[str, Timed]]  # each with the name of its part


def prepare(text: str) -> Pieces:
    """The parts of a body, and its whole step, ready to be timed."""
    network, whole, gflop = step_of(text)
    pieces = [(name, Timed(looped(*part), part.gflop)) for name, part in parts_of(network)]
    for _, piece in pieces:
        piece.calibrate()
    whole(1)
    return [*pieces, (WHOLE, Timed(whole, gflop, STEPS))]


Times = dict[str, list[float]]  # {part: seconds, round by round}


def measure(bodies: dict[str, Pieces], rounds: int) -> tuple[dict[str, Times], list[float]]:
    """The seconds of the parts of every body, and sgemm's GFLOP/s; each round visits them all."""
    found: dict[str, Times] = {
        text: {n: [0.0] * rounds for n, _ in bodies[text]} for text in bodies
    }
    rates, library = [], products()
    for k in range(rounds):
        for text, pieces in bodies.items():
            for name, piece in pieces:
                found[text][name][k] += piece.seconds()
            rates.append(max(gflops(product, 2) for product in library.values()))
    return found, rates


def summarise(pieces: Pieces, times: Times) -> dict[str, list[Any]]:
    """{part: ms, share of the step, useful GFLOP/s (None: no products)}."""
    seconds = {name: statistics.median(values) for name, values in times.items()}
    gflop = dict.fromkeys(seconds, 0.0)
    for name, piece in pieces:
        gflop[name] += piece.gflop
    whole = seconds.pop(WHOLE)
    for name in [name for name in seconds if name.endswith(BOTH)]:
        forward = name.replace(BOTH, FORWARD)
        backward = name.replace(BOTH, "backward")
        seconds[backward] = seconds.pop(name) - seconds[forward]
        gflop[backward] = gflop[name] - gflop[forward]
    seconds |= {REST: whole - sum(seconds.values()), WHOLE: whole}
    return {
        name: [1e3 * s, s / whole, gflop[name] / s if gflop.get(name) else None]
        for name, s in seconds.items()
    }


def stay_on_one_core() -> None:
    """Restarts this process on one core: BLAS and XLA size their pools when they are loaded."""
    if not hasattr(os, "sched_setaffinity"):
        return  # not Linux: the figures are then of all cores
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:1])
        again = ["-m", "experiments.benchmarks.step_breakdown", *sys.argv[1:]]
        os.execv(sys.executable, [sys.executable, *again])


def layers(rows: Sequence[str], rounds: int) -> int:
    """Times kinds of layers instead of steps."""
    print(machine())
    found = layer_rates.report(layer_rates.measure(rows, rounds))
    digits = [
        {k: rounded(v) if isinstance(v, float) else v for k, v in own.items()} for own in found
    ]
    print(json.dumps(digits))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two bodies, three rounds")
    parser.add_argument("--bodies", nargs="+", help="channels, channels, stride of each")
    parser.add_argument("--rounds", type=int, help="default 15, quick 3")
    parser.add_argument(
        "--layers", nargs="*", choices=names(), help="time these kinds of layers instead"
    )
    args = parser.parse_args()
    stay_on_one_core()
    if args.layers is not None:
        return layers(args.layers, args.rounds or (3 if args.quick else 15))
    bodies = {text: prepare(text) for text in args.bodies or (QUICK if args.quick else BODIES)}
    times, rates = measure(bodies, args.rounds or (3 if args.quick else 15))
    sgemm = statistics.median(rates)
    print(machine())
    print(f"sgemm on one core: {sgemm:.1f} GFLOP/s")
    out: dict[str, Any] = {"sgemm_gflops": rounded(sgemm), "bodies": {}}
    for text, pieces in bodies.items():
        found = summarise(pieces, times[text])
        rows = [[name, *row, row[2] and row[2] / sgemm] for name, row in found.items()]
        columns = ["part", "ms a step", "share", "useful GFLOP/s", "of sgemm"]
        show(f"Step of 64 images, channels and stride {text}", columns, rows)
        ms, _, rate = found.pop(WHOLE)
        out["bodies"][text] = {
            "ms": rounded(ms),
            "gflops": rounded(rate),
            "sgemm_share": rounded(rate / sgemm),
            "shares": {name: rounded(row[1]) for name, row in found.items()},
        }
    print(json.dumps(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
