"""All that is to be checked and timed on one GPU, most important first, within nine minutes.

    python -m experiments.benchmarks.gpu [--seconds 540] [--out experiments/results/gpu]
        [--only machine,exactness] [--skip compiled] [--device cpu --quick]

Each section is a process with seconds of its own. OUT.md and OUT.json are written after each, so
that the run may be cut at any moment; a section that fails, or is not started because too little
time is left, says so there, and the next one goes on. NOTES.md says what each section decides.
"""

import sys
from collections.abc import Sequence

from .common import ROOT
from .population import ON_GPU
from .sections import DONE, Section, chosen, module_command, parser_of, run_all

OUT = ROOT / "experiments" / "results" / "gpu"
FEW = 4  # networks that torch.compile has the time for
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
SECONDS = {  # at most, and with how many left a section is still worth starting
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
    """All of them, in order of their importance."""
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
    """JAX starts on the device or not at all; sections and peers share its memory."""
    platforms = "cpu" if device == "cpu" else "cuda,cpu"
    return {
        "JAX_PLATFORMS": platforms,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__, OUT, TITLES)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does all of it run?")
    args = parser.parse_args(argv)
    wanted = chosen(parser, args, sections(device=args.device, quick=args.quick))
    heading = "One GPU: checks and times" if args.device == "cuda" else "A trial run on CPUs"
    outcomes = run_all(wanted, args.seconds, heading, args.out, environment(args.device))
    return int(any(outcome.state != DONE for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
