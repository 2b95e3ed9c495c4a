"""Compares two versions of hptjax on one population of the trial-1 space, in turn.

    git worktree add /tmp/before v0.1.0
    python -m experiments.benchmarks.versions /tmp/before . [--rounds 9] [--steps 48] [--starts 3]

Each version is a process of its own `experiments.benchmarks.peers engine`, which waits between its
rounds. Prints medians and ratios. Compiling is timed with an empty cache, `starts` times in turn;
run nothing else on the machine. A ratio above 1 means that the second version is faster.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from hptjax.data import load_images

from .common import Peer, shuffled
from .peers.problem import save_problem
from .population import mixed_problem, parse


def peer(version: Path, problem: Path, steps: int, cache: Path) -> tuple[Peer, dict]:
    """A process of a version, ready for its rounds, and its message about that."""
    env = {"PYTHONPATH": str(version), "HPTJAX_COMPILE_CACHE": str(cache)}
    started = Peer(str(version), ["engine", str(problem), "--steps", str(steps)], env, version)
    return started, started.answer()


def compiling(versions: Sequence[Path], problem: Path, steps: int, folder: Path, starts: int):
    """The seconds of compiling of each version, with an empty cache."""
    seconds: list[list[float]] = [[] for _ in versions]
    for k, turn in turns(starts):
        one, ready = peer(versions[k], problem, steps, folder / f"cache{turn}{k}")
        one.close()
        seconds[k].append(ready["compile_s"])
    return seconds


def training(versions: Sequence[Path], problem: Path, steps: int, folder: Path, rounds: int):
    """The seconds of the rounds of each version, after a warm-up round."""
    peers = [peer(v, problem, steps, folder / f"cache0{k}")[0] for k, v in enumerate(versions)]
    seconds: list[list[float]] = [[] for _ in versions]
    for k, turn in turns(rounds + 1):
        spent = peers[k].seconds()
        seconds[k] += [spent] if turn else []
    for one in peers:
        one.close()
    return seconds


def turns(count: int) -> Iterator[tuple[int, int]]:
    """The turns of the two versions, with their numbers: each goes first in every other one."""
    for turn in range(count):
        yield from ((k, turn) for k in ((0, 1) if turn % 2 == 0 else (1, 0)))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--starts", type=int, default=3)
    args = parser.parse_args()
    versions = args.before.resolve(), args.after.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder, problem = Path(name), Path(name) / "mixed.npz"
        images = shuffled(load_images("sample"), 0)
        settings = parse(["--steps", str(args.steps)])
        save_problem(problem, mixed_problem(settings, images, min(args.steps * 64, images.size)))
        given = versions, problem, args.steps, folder
        found = {
            "compiling": compiling(*given, args.starts),
            "round": training(*given, args.rounds),
        }
    for what, (before, after) in found.items():
        print(
            f"{what:10} before {median(before):8.3f} s  after {median(after):8.3f} s  "
            f"ratio {median(before) / median(after):.3f}  of {len(before)}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
