"""Runs all checks and timings for one GPU, the most important first, within nine minutes.

    python -m experiments.benchmarks.gpu [--seconds 540] [--out experiments/results/gpu]
        [--only machine,exactness] [--skip compiled] [--device cpu --quick]

Each section is a process with its own limit of seconds. OUT.md and OUT.json are written after each
section, so that the run may be cut at any moment. They also name sections that failed, or that were
not started because too little time was left. NOTES.md says what each section decides.
"""

import sys
from collections.abc import Sequence

from .common import ROOT
from .population import ON_GPU
from .sections import DONE, Section, chosen, module_command, parser_of, run_all

OUT = ROOT / "experiments" / "results" / "gpu"
FEW = 4  # torch.compile has time for so many networks only
TITLES = {
    "machine": "The machine",
    "exactness": "Exactness",
    "population": "Beside other ways to train a population",
    "lanes": "Members side by side",
    "startup": "Compiling, cold and warm",
    "study": "A generation of a study",
    "equal": "Beside other ways, eight equal networks",
    "compiled": f"Beside torch.compile, {FEW} networks",
}
SECONDS = {  # the most seconds, and the least that are worth starting a section with
    "machine": (60, 10),
    "exactness": (170, 30),
    "population": (200, 90),
    "lanes": (110, 45),
    "startup": (110, 60),
    "study": (100, 50),
    "equal": (130, 60),
    "compiled": (120, 60),
}


def sections(*, device: str, quick: bool) -> list[Section]:
    """All sections, in order of importance."""
    part = ["--quick"] if quick else []
    ready = ",".join(name for name in ON_GPU if name != "torch compile")
    compiled = "torch compile,torch graphs x1"
    rounds = ["--rounds", 3, "--steps", 64]
    if quick:
        rounds = ["--rounds", 1, "--steps", 8, "--quick"]
    commands = {
        "machine": ["gpu_parts", "machine", *part],
        "exactness": ["exactness", *(["--kinds", "linear", "--jobs", 1] if quick else [])],
        "population": [
            *("population", "--device", device, *rounds, "--skip", "equal"),
            *(["--members", 2] if quick else ["--peers", ready]),
        ],
        "lanes": [
            *("lanes", "--strides", *([3] if quick else [1, 3])),
            *("--lanes", *([1, 2] if quick else [1, 12, 128])),
            *(["--steps", 2] if quick else []),
        ],
        "startup": ["gpu_parts", "startup", *part],
        "study": ["gpu_parts", "study", *part],
        "equal": ["population", "--device", device, *rounds, "--skip", "mixed"],
        "compiled": [
            *("population", "--device", device, *rounds, "--skip", "equal"),
            *(["--members", 2] if quick else ["--members", FEW, "--peers", compiled]),
        ],
    }
    return [
        Section(name, TITLES[name], module_command(*own), *SECONDS[name])
        for name, own in commands.items()
    ]


def environment(device: str) -> dict[str, str]:
    """The environment of sections: JAX must start on the device; they share its memory."""
    platforms = "cpu" if device == "cpu" else "cuda,cpu"
    return {
        "JAX_PLATFORMS": platforms,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__, OUT, TITLES)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to check that everything runs"
    )
    args = parser.parse_args(argv)
    wanted = chosen(parser, args, sections(device=args.device, quick=args.quick))
    heading = "One GPU: checks and times" if args.device == "cuda" else "A trial run on CPUs"
    outcomes = run_all(wanted, args.seconds, heading, args.out, environment(args.device))
    return int(any(outcome.state != DONE for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
