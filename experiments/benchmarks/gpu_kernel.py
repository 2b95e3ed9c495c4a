"""Measures the foundations of a persistent CUDA kernel for training, on one NVIDIA GPU.

    python -m experiments.benchmarks.gpu_kernel [--seconds 540]
        [--out experiments/results/gpu_kernel] [--only copy,conv]

Needs NVRTC (jax[cuda13] has it) and the driver. It measures how fast memory is copied, how fast the
tensor cores multiply by `mma.sync` alone, the cost of a barrier between blocks, and the speed of
`cuda/conv.cu`, which is compared with XLA on fresh input before it is timed. Nsight Compute counts
the bytes of a step, if `ncu` is installed. The last table says what each figure decides. The
questions are sections as in `gpu`, written to OUT.md and OUT.json one by one.
"""

import statistics
import sys
from collections.abc import Sequence
from typing import Any

from .common import ROOT
from .sections import DONE, Outcome, Section, chosen, module_command, parser_of, run_all

OUT = ROOT / "experiments" / "results" / "gpu_kernel"
TITLES = {
    "machine": "The device",
    "copy": "Memory",
    "products": "Tensor cores",
    "barriers": "Barriers between blocks",
    "conv": "Convolution",
    "dram": "Bytes of a step",
}
SECONDS = {  # the most seconds, and the least that are worth asking a question with
    "machine": (60, 5),
    "copy": (60, 10),
    "products": (60, 10),
    "barriers": (60, 10),
    "conv": (240, 30),
    "dram": (200, 60),
}
FAST, SLOW = 1.0, 0.5  # TFLOP/s of a multiprocessor, padding counted
BARRIER_US = 3.0
COUNTED_MB, ENOUGH = 222, 0.6  # a member and step at stride 1; the share that must be seen
COPY_TB_S = 3.0


def decisions(outcomes: Sequence[Outcome]) -> list[str]:
    """A Markdown table of the figures, and of what each of them decides."""
    found: dict[str, Any] = {}
    rates: dict[tuple[int, int], list[float]] = {}
    for outcome in outcomes:
        for own in outcome.data:
            found |= own
            if "tflop_s_unit" in own:
                rates.setdefault((own["in"], own["out"]), []).append(own["tflop_s_unit"])
    rows = [
        [
            "copy, TB/s",
            _shown(found.get("copy_gb_s"), 1e-3),
            f"the roofline assumes {COPY_TB_S} of an H100; another figure scales all its times",
        ],
        [
            "mma.sync alone, TFLOP/s a multiprocessor",
            _shown(found.get("mma_tflop_s_unit")),
            "what a convolution can reach at most; below 2 the design needs wgmma from the start",
        ],
        ["barrier, us", *_of_barriers(found.get("barrier_us"))],
        *(
            [f"convolution {inputs} to {outputs}, TFLOP/s a multiprocessor", *_of_rates(own)]
            for (inputs, outputs), own in rates.items()
        ),
        ["bytes of a step and member, MB", *_of_bytes(found.get("dram_mb"))],
    ]
    lines = ["| figure | measured | decides |", "|---|---|---|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def _shown(value: float | None, scale: float = 1) -> str:
    return "-" if value is None else f"{scale * value:.3g}"


def _of_barriers(found: dict[str, float] | None) -> list[str]:
    rule = f"above {BARRIER_US:g} us a member stays on one multiprocessor, or on two"
    if not found:
        return ["-", rule]
    text = ", ".join(f"{team} blocks: {us:.3g}" for team, us in found.items())
    four = found.get("4", max(found.values()))
    what = "one or two to a member" if four > BARRIER_US else "teams of four are possible"
    return [text, f"{rule}: {what}"]


def _of_rates(rates: Sequence[float]) -> list[str]:
    middle = statistics.median(rates)
    text = f"{middle:.3g} ({min(rates):.3g} to {max(rates):.3g})"
    if middle >= FAST:
        return [text, f"{FAST:g} or more: go on"]
    if middle >= SLOW:
        return [text, f"{SLOW:g} to {FAST:g}: unroll taps, cp.async, eight pixels a warp"]
    return [text, f"below {SLOW:g}: the same, and if that is too little wgmma"]


def _of_bytes(megabytes: float | None) -> list[str]:
    if megabytes is None:
        return ["-", f"less than {ENOUGH * COUNTED_MB:.0f}: the caches move them; profile first"]
    if megabytes < ENOUGH * COUNTED_MB:
        return [f"{megabytes:.4g}", f"far from the {COUNTED_MB} counted: stop, and profile"]
    return [f"{megabytes:.4g}", f"{COUNTED_MB} were counted: copies are what takes the time"]


def sections() -> list[Section]:
    commands = {name: ["kernel_questions", name] for name in TITLES if name != "dram"}
    commands["dram"] = ["gpu_bytes"]
    return [
        Section(name, title, module_command(*commands[name]), *SECONDS[name])
        for name, title in TITLES.items()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__, OUT, TITLES)
    args = parser.parse_args(argv)
    wanted = chosen(parser, args, sections())
    # the questions use the device alone; JAX uses the CPU for its reference
    env = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    heading = "What a persistent kernel rests on"
    outcomes = run_all(wanted, args.seconds, heading, args.out, env, decisions)
    print("\n".join(decisions(outcomes)))
    return int(any(outcome.state != DONE for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
