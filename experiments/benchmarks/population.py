"""Compares hptjax with other ways to train the same population, in one run.

    python -m experiments.benchmarks.population [--quick] [--rounds N] [--peers a,b] [--skip x,y]
        [--device cuda]
    python -m experiments.benchmarks.population --space keras_cnn [--rounds N] [-- --trials 4]

Every way runs in its own process, which is built, compiled and warmed up before the first round.
Then they take turns, and medians and ratios within a round are reported. The last line of output is
one JSON object; NOTES.md beside this file says what its figures mean.

--space runs whole searches of another space, or of `all`, beside PyTorch with Optuna in two
processes; arguments behind `--` go to `python -m experiments.spaces`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hptjax.data import ImageDataset

from ..spaces.table import SPACES
from . import space_rates, startup
from .common import (
    ROOT,
    available_cores,
    first_images,
    machine,
    median_ratio,
    mixed_members,
    rounded,
    show,
    shuffled,
    start_peers,
    take_turns,
    training_images,
    trial1,
)
from .peers.common import Task, default_member
from .peers.problem import save_problem

KEYS = (
    *("vs_pytorch", "vs_pytorch_single", "vs_original", "vs_naive", "sgemm_share"),
    *("waste", "compile_cold_s", "compile_warm_s", "overhead"),
)
SINGLE, DOUBLE = "torch 1x2", "torch 2x1"  # processes x threads
EXACT = "hptjax, a body for each"  # the reference for the planned bodies
MIXED = {
    f"{label}{layout}{adam}": [name, *(["--channels-last"] if layout else [])]
    + (["--fused"] if adam else [])
    for label, name in ((SINGLE, "torch_sequential"), (DOUBLE, "torch_two_processes"))
    for layout in ("", " channels_last")
    for adam in ("", " fused")
} | {"flax loop": ["flax_loop"]}
ON_GPU = {
    f"torch eager{layout}": ["torch_sequential", "--fused", *option]
    for layout, option in (("", []), (" channels_last", ["--channels-last"]))
} | {f"torch graphs x{count}": ["torch_graphs", "--streams", str(count)] for count in (1, 4, 16)}
ON_GPU["torch compile"] = ["torch_compile", "--fused"]
QUICK = (f"{SINGLE} channels_last fused", f"{DOUBLE} channels_last fused")
EQUAL = {"flax naive vmap": ["flax_naive_vmap"], "torch vmap": ["torch_vmap", "--fused"]}
EQUAL_ON_GPU = EQUAL | {"torch compile": ON_GPU["torch compile"]}
SECTIONS = ("startup", "mixed", "equal", "original", "overhead")
EQUAL_MEMBERS = 8
ORIGINAL_IMAGES = 12_000


@dataclass
class Report:
    """The figures found so far, with their data."""

    figures: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(KEYS))
    details: dict[str, Any] = field(default_factory=dict)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few peers, steps and sections")
    parser.add_argument("--rounds", type=int, help="default 5, quick 2")
    parser.add_argument("--members", type=int, default=28)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="cores for every way, default 2; cuda: all")
    parser.add_argument(
        "--steps",
        type=int,
        help="optimiser steps a round, default 24, quick 12; for cuda 8 times as many",
    )
    names = ", ".join([*MIXED, *ON_GPU])
    parser.add_argument("--peers", help=f"of the mixed population, by comma: {names}")
    parser.add_argument("--skip", default="", help=f"by comma: {', '.join(SECTIONS)}")
    parser.add_argument("--data", default="auto", help="as for hptjax; auto: FashionMNIST if there")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for all measurements")
    parser.add_argument("--space", choices=(*SPACES, space_rates.ALL), help="search it instead")
    parser.add_argument("more", nargs="*", help="with --space, behind --: of experiments.spaces")
    args = parser.parse_args(argv)
    if args.more and not args.space:
        parser.error(f"unknown arguments {' '.join(args.more)}")
    args.rounds = args.rounds or (2 if args.quick else 5)
    gpu = args.device != "cpu"
    args.threads = args.threads or (available_cores() if gpu else min(2, available_cores()))
    args.steps = args.steps or (12 if args.quick else 24) * (8 if gpu else 1)
    known = ON_GPU if gpu else MIXED
    wanted = args.peers.split(",") if args.peers else QUICK if args.quick and not gpu else known
    args.peers = [name.strip() for name in wanted]
    args.skip = {name for name in args.skip.split(",") if name}
    if args.quick or gpu:
        args.skip |= {"startup", "original", "overhead"}
    for name in (set(args.peers) - set(known)) | (args.skip - set(SECTIONS)):
        parser.error(f"unknown name {name!r}; see --help")
    if args.members < 2:
        parser.error(f"--members must be at least 2, got {args.members}")
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.space:
        return space_rates.report(args.space, ["--rounds", str(args.rounds), *args.more])
    report = Report()
    print(machine())
    images = shuffled(training_images(args.data, args.data_dir), args.seed)
    print(f"images: {images.name}, {images.size}")
    report.details |= {"machine": machine(), "images": images.name}
    with tempfile.TemporaryDirectory() as folder:
        run_sections(args, report, images, Path(folder))
    if args.output:
        args.output.write_text(json.dumps({**report.figures, **report.details}, indent=1) + "\n")
    print(json.dumps({key: rounded(value) for key, value in report.figures.items()}))
    return 0


def run_sections(args: argparse.Namespace, report: Report, images: Any, folder: Path) -> None:
    count = max(args.steps * 64, 512)
    mixed = folder / "mixed.npz"
    save_problem(mixed, mixed_problem(args, images, count))
    env = {"HPTJAX_COMPILE_CACHE": str(folder / "cache")}
    if args.device != "cpu":
        env["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # they share the device's memory
    if "startup" not in args.skip:
        measure_startup(report, mixed)
    if "mixed" not in args.skip:
        measure_mixed(args, report, mixed, env)
    if "equal" not in args.skip:
        measure_equal(args, report, images, folder, env)
    if "original" not in args.skip:
        measure_original(args, report, images, folder, env)
    if "overhead" not in args.skip:
        measure_overhead(args, report)


def mixed_problem(args: argparse.Namespace, images: ImageDataset, count: int) -> Task:
    """A population of the space, planned as for a study, and another one of the same space."""
    from hptjax.config.geometry import ImageSpec
    from hptjax.transpile import Problem

    study = trial1()
    image = ImageSpec(*images.image_shape, images.num_classes)
    sample = Problem(study.model, study.space, image).cover()
    images = first_images(images, count)
    return Task(
        mixed_members(args.members, args.seed),
        images.images,
        images.labels,
        plan=[config.to_dict() for config in sample],
        others=mixed_members(max(args.members - 5, 1), args.seed + 1),
    )


def measure_startup(report: Report, problem: Path) -> None:
    cold, warm = startup.cold_and_warm(problem)
    rows = [["cold", cold["total_s"], cold["compile_s"]]]
    rows += [["warm", start["total_s"], start["compile_s"]] for start in warm]
    show("Fresh process until compiled", ["cache", "from start, s", "compiling alone, s"], rows)
    report.figures["compile_cold_s"] = cold["total_s"]
    report.figures["compile_warm_s"] = statistics.median(start["total_s"] for start in warm)
    report.details["startup"] = {"cold": cold, "warm": warm}


def measure_mixed(args: argparse.Namespace, report: Report, problem: Path, env: dict) -> None:
    options = [str(problem), "--steps", str(args.steps), "--threads", str(args.threads)]
    options += ["--device", args.device]
    commands = {"hptjax": ["engine", *options]}
    if not args.quick and args.device == "cpu":
        commands[EXACT] = ["engine", *options, "--exact"]
    known = MIXED | ON_GPU
    commands |= {label: [known[label][0], *options, *known[label][1:]] for label in args.peers}
    peers, ready = start_peers(commands, env)
    info = ready["hptjax"]
    if info["recompilations"]:
        raise AssertionError(f"another population compiled {info['recompilations']} programs anew")
    times = take_turns(peers, args.rounds)
    samples = args.members * args.steps * 64
    show_rates(f"Mixed population, {args.members} members", times, samples, args.steps, info)
    print(f"padded over true FLOPs {info['waste']:.3f}; programs compiled for another mix: 0")
    if EXACT in times:
        ratio = median_ratio(times["hptjax"], times[EXACT])
        print(f"time in the {info['bodies']} planned bodies over that in exact ones: {ratio:.3f}")
    rate = info["gflop"] / statistics.median(times["hptjax"])
    print(f"useful GFLOP/s {rate:.1f}")
    report.figures["waste"] = info["waste"]
    report.figures["vs_pytorch"] = against_best(times, (SINGLE, DOUBLE, *ON_GPU))
    report.figures["vs_pytorch_single"] = against_best(times, (SINGLE, "torch eager"))
    report.details["mixed"] = {"seconds": times, "samples": samples, "ready": ready}


def against_best(times: dict[str, list[float]], prefixes: tuple[str, ...]) -> float | None:
    """Our throughput divided by that of the fastest peer (by median time)."""
    found = [label for label in times if label.startswith(prefixes)]
    if not found:
        return None
    best = min(found, key=lambda label: statistics.median(times[label]))
    return median_ratio(times[best], times["hptjax"])


def measure_equal(
    args: argparse.Namespace, report: Report, images: Any, folder: Path, env: dict
) -> None:
    """Measures members of the default model's shape, and the limit of the machine."""
    problem, steps = folder / "equal.npz", max(args.steps // 2, 4)
    members = [{**default_member(), "lr": 1e-3 * (k + 1)} for k in range(EQUAL_MEMBERS)]
    images = first_images(images, 8 * max(steps * 64, 512))
    save_problem(problem, Task(members, images.images, images.labels))
    # the engine's rounds are short: it gets more steps, for the same seconds
    scale = {"engine": 8, "sgemm": 1}
    others = EQUAL if args.device == "cpu" else EQUAL_ON_GPU
    commands = {"hptjax": ["engine"], **({} if args.quick else others), "sgemm": ["sgemm"]}
    if args.quick:
        commands["flax naive vmap"] = EQUAL["flax naive vmap"]
    commands = {
        label: [
            *(name, str(problem), "--steps", str(steps * scale.get(name, 1))),
            *("--threads", str(args.threads), "--device", args.device, *rest),
        ]
        for label, (name, *rest) in commands.items()
    }
    peers, ready = start_peers(commands, env)
    times = take_turns(peers, args.rounds)
    info, sgemm = ready["hptjax"], times.pop("sgemm")
    times["hptjax"] = [seconds / 8 for seconds in times["hptjax"]]
    samples = EQUAL_MEMBERS * steps * 64
    show_rates(f"{EQUAL_MEMBERS} default models", times, samples, steps, info)
    gflops = [info["gflop"] / 8 / seconds for seconds in times["hptjax"]]
    share = statistics.median(a * b for a, b in zip(gflops, sgemm, strict=True))
    print(
        f"useful GFLOP/s {statistics.median(gflops):.1f}, sgemm on all cores "
        f"{statistics.median(1 / s for s in sgemm):.1f}, share {share:.3f}"
    )
    report.figures["sgemm_share"] = share
    if "flax naive vmap" in times:
        report.figures["vs_naive"] = median_ratio(times["flax naive vmap"], times["hptjax"])
    report.details["equal"] = {"seconds": times, "samples": samples, "gflops": gflops}
    report.details["equal"] |= {"sgemm_gflops": [1 / s for s in sgemm], "ready": ready}


def measure_original(
    args: argparse.Namespace, report: Report, images: Any, folder: Path, env: dict
) -> None:
    """Measures whole epochs of the default model, with augmentation and validation in both."""
    problem, count = folder / "epoch.npz", min(ORIGINAL_IMAGES, images.size)
    members = [{**default_member(), "lr": 1e-3 * (k + 1)} for k in range(EQUAL_MEMBERS)]
    save_problem(problem, Task(members, images.images[:count], images.labels[:count]))
    alone = folder / "alone.npz"
    save_problem(alone, Task(members[:1], images.images[:count], images.labels[:count]))
    options = ["--augment", "--threads", str(args.threads)]
    commands = {
        "hptjax": ["engine", str(problem), *options],
        "hptjax, one network": ["engine", str(alone), *options],
        "original pipeline": ["original_pipeline", str(alone), *options],
    }
    peers, ready = start_peers(commands, env)
    times = take_turns(peers, min(args.rounds, 3))
    times["hptjax"] = [seconds / EQUAL_MEMBERS for seconds in times["hptjax"]]
    rows = [
        [label, statistics.median(t), median_ratio(t, times["hptjax"])]
        for label, t in times.items()
    ]
    show(
        f"Epoch of one default model, {count} images (4/5 trained on, 1/5 evaluated)",
        ["way", "s per network and epoch", "x hptjax's"],
        rows,
    )
    if "original pipeline" in times:
        report.figures["vs_original"] = median_ratio(times["original pipeline"], times["hptjax"])
    report.details["original"] = {"seconds": times, "images": count, "ready": ready}


def measure_overhead(args: argparse.Namespace, report: Report) -> None:
    command = [sys.executable, "-m", "experiments.benchmarks.search_overhead", "--quick"]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    *shown, last = done.stdout.splitlines()
    print("\n".join(shown))
    report.details["overhead"] = json.loads(last)
    report.figures["overhead"] = report.details["overhead"]["overhead"]


def show_rates(
    title: str, times: dict[str, list[float]], samples: int, steps: int, info: dict[str, Any]
) -> None:
    """Prints a line per way: throughput with its spread, ms per step and member, ratio to ours."""
    rows = []
    for label, seconds in times.items():
        rates = sorted(samples / s for s in seconds)
        per_step = 1e3 * statistics.median(seconds) * 64 / samples
        ratio = median_ratio(seconds, times["hptjax"])
        low, high = rates[0], rates[-1]
        row = [label, statistics.median(rates), f"{low:.0f} - {high:.0f}", per_step, ratio]
        rows.append(row)
    title += f", {steps} steps of 64 images a round, {info['places']} {info['device']} for hptjax"
    columns = ["way", "member-samples/s", "least - most", "ms per step and member", "hptjax is x"]
    show(title, columns, rows)


if __name__ == "__main__":
    sys.exit(main())
