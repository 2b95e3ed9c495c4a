"""The shared parts of the benchmarks: images, populations, rounds of several processes, tables."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hptjax.config.geometry import ImageSpec
from hptjax.data import ImageDataset, load_images
from hptjax.errors import DataError
from hptjax.population import Population
from hptjax.study import StudyConfig, load_study
from hptjax.transpile import Problem

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "configs" / "trial1.yaml"
WIDTH = 140  # columns of a table that goes to a file
PAUSE = 0.3  # seconds between two peers: the threads of the first one go to sleep


class PeerFailed(RuntimeError):
    """A peer's process ended early; the message is the last line it wrote to standard error."""


class Peer:
    """A process of `experiments.benchmarks.peers` that waits between its rounds."""

    def __init__(
        self,
        label: str,
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ) -> None:
        """root: the checkout whose version runs."""
        self.label = label
        command = [sys.executable, "-m", "experiments.benchmarks.peers", *arguments, "--serve"]
        self._process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        """The next line of the process; the first says that it is ready."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, errors = self._process.communicate()
            last = (errors.strip().splitlines() or ["no message"])[-1]
            raise PeerFailed(f"{self.label}: {last}")
        return json.loads(line)

    def seconds(self) -> float:
        """Runs one round in the process; returns its seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        result = self.answer()
        if not np.isfinite(result["losses"]).all():
            print(f"{self.label}: a loss is not finite", file=sys.stderr)
        return result["seconds"]

    def close(self) -> None:
        """Ends the process by closing its input."""
        self._process.communicate()


def start_peers(
    commands: Mapping[str, Sequence[str]], env: Mapping[str, str] | None = None
) -> tuple[dict[str, Peer], dict[str, dict[str, Any]]]:
    """Starts a process per label, one after another; returns working ones and their messages."""
    peers, ready = {}, {}
    for label, arguments in commands.items():
        peer = Peer(label, arguments, env)
        try:
            ready[label] = peer.answer()
            peers[label] = peer
        except PeerFailed as error:
            if label == "hptjax":
                raise
            print(f"left out: {error}", file=sys.stderr)
    return peers, ready


def take_turns(peers: Mapping[str, Peer], rounds: int) -> dict[str, list[float]]:
    """Seconds of every round of every peer; each round visits all of them, in rotated order."""
    times: dict[str, list[float]] = {label: [] for label in peers}
    labels = list(peers)
    for k in range(rounds):
        first = k % max(len(labels), 1)
        for label in labels[first:] + labels[:first]:
            time.sleep(PAUSE)
            times[label].append(peers[label].seconds())
    for peer in peers.values():
        peer.close()
    return times


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of rounds: a load that slows a whole round cancels."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def training_images(data: str, data_dir: Path | None) -> ImageDataset:
    """The images to train on; data "auto": FashionMNIST if it is on disk, else the sample."""
    if data != "auto":
        return load_images(data, data_dir=data_dir)
    from hptjax.data.fashion_mnist import DEBIAN_FOLDER

    if data_dir is None and not os.environ.get("HPTJAX_DATA") and not DEBIAN_FOLDER.is_dir():
        return load_images("sample")
    try:
        return load_images("fashion_mnist", data_dir=data_dir)
    except DataError as error:
        print(f"{error} The sample is used instead.", file=sys.stderr)
        return load_images("sample")


def shuffled(images: ImageDataset, seed: int) -> ImageDataset:
    return images.take(np.random.default_rng(seed).permutation(images.size))


def first_images(images: ImageDataset, count: int) -> ImageDataset:
    """The first images, repeated if there are too few: an epoch must have its number of steps."""
    return images.take(np.arange(count) % images.size)


def trial1(overrides: Sequence[str] = ()) -> StudyConfig:
    return load_study(STUDY, overrides)


def trial1_problem() -> Problem:
    """The trial-1 space on images of FashionMNIST's shape."""
    study = trial1()
    return Problem(study.model, study.space, ImageSpec(28, 28, 1, 10))


def epoch_seconds(population: Population, epochs: int) -> list[float]:
    """The seconds of some further epochs."""
    seconds = []
    for _ in range(epochs):
        begin = time.perf_counter()
        population.advance(1)
        seconds.append(time.perf_counter() - begin)
    return seconds


def mixed_members(count: int, seed: int) -> list[dict[str, Any]]:
    """Networks drawn from the trial-1 space, in the original study's form."""
    problem, found, rng = trial1_problem(), [], np.random.default_rng(seed)
    while len(found) < count:
        config = problem.build(problem.space.sample(1, rng)[0]).config
        if config is not None:
            found.append(config.to_dict())
    return found


def machine() -> str:
    """One line about the machine of the measurements."""
    import jax

    facts = [
        cpu_model(),
        f"{available_cores()} cores",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"jax {jax.__version__}",
    ]
    if torch := _version("torch"):
        facts.append(f"torch {torch}")
    return ", ".join(facts)


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown CPU"
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "CPU")


def available_cores() -> int:
    from hptjax.devices import available_cores

    return available_cores()


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table; numbers are given as text or rounded to three digits."""
    table = Table(title=title, title_justify="left")
    for k, column in enumerate(columns):
        table.add_column(column, justify="right" if k else "left")
    for row in rows:
        table.add_row(*(text(value) for value in row))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def text(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def rounded(value: float | None) -> float | None:
    """Four significant digits for the JSON line."""
    return None if value is None else float(f"{value:.4g}")
