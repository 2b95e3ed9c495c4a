"""Populations that outlive the process: their state at an epoch's end, in files replaced whole.

A generation that was killed half-way is asked for again by the resumed loop; the population then
gives the epochs of the snapshot from the file, and trains on from there.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, DataError
from hptjax.executors.base import Executor, Resident
from hptjax.models.costs import costs_of
from hptjax.population.pack import Member
from hptjax.population.resident import Cost, Outcome, Trained
from hptjax.records.metrics import LOSSES
from hptjax.records.tensors import read_tensors, write_tensors

COST_SHARE = 0.02  # of the training time may go into snapshots
WRITE_RATE = 2e8  # bytes per second, before the first write is measured
KIND = "snapshot 2"  # the first kind named the state of one optimizer
NAMES = ("a.safetensors", "b.safetensors")  # the older one is replaced: one is always whole


@dataclass(frozen=True)
class TrainedEpoch:
    """One epoch of a generation: who was trained, as places in it, their metrics, and the cost.

    lost: the places among these that were lost, and how.
    """

    alive: tuple[int, ...]
    metrics: Mapping[str, np.ndarray]
    cost: Cost
    lost: Mapping[int, str]
    workers: int


@dataclass(frozen=True)
class Snapshot:
    """The epochs so far, and the state [P, ...] of those trained in the last of them."""

    digest: str
    epochs: tuple[TrainedEpoch, ...]
    state: Mapping[str, np.ndarray]


class SnapshotStore:
    """A folder of two snapshots."""

    def __init__(
        self,
        folder: Path,
        *,
        notify: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.perf_counter,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        """notify: told once when the disk takes no snapshot; the study goes on without.

        leaving: whether the study is about to be left, so that a snapshot is worth its time.
        """
        self._folder, self._notify, self._clock = folder, notify, clock
        self._leaving = leaving
        self._write_s: float | None = None
        self._last, self._broken = clock(), False
        self._damaged: set[str] = set()

    def due(self, size: int) -> bool:
        """Whether a snapshot of so many bytes now would keep to COST_SHARE of the time.

        Always where the study is about to be left.
        """
        expected = size / WRITE_RATE if self._write_s is None else self._write_s
        in_time = self._clock() - self._last >= expected / COST_SHARE
        return (self._leaving() or in_time) and not self._broken

    def save(self, make: Callable[[], Snapshot]) -> None:
        """Takes and writes a snapshot; a disk that refuses it is reported, no error."""
        began = self._clock()
        try:
            self._folder.mkdir(exist_ok=True)  # a run directory that was moved stays away
            _write(self._oldest(), make())
        except OSError as error:
            self._broken = True
            self._notify(f"No more snapshots: {self._folder}: {error.strerror}.")
        self._last = self._clock()
        self._write_s = self._last - began

    def load(self, digest: str) -> Snapshot | None:
        """The furthest snapshot of these members, None where there is none that can be read."""
        found = []
        for name in NAMES:
            try:
                found.append(_read(self._folder / name))
            except FileNotFoundError:
                continue
            except DataError as error:  # it costs time, not the study
                if name not in self._damaged:
                    self._notify(f"A snapshot is not used: {self._folder / name}: {error}.")
                self._damaged.add(name)
        own = [snapshot for snapshot in found if snapshot.digest == digest]
        return max(own, key=lambda snapshot: len(snapshot.epochs), default=None)

    def clear(self) -> None:
        """Removes all snapshots, whole or half-written: the study is over. Other files stay."""
        for name in NAMES:
            for path in (self._folder / name, self._folder / f"{name}.new"):
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            self._folder.rmdir()

    def _oldest(self) -> Path:
        paths = [self._folder / name for name in NAMES]
        return min(paths, key=lambda path: path.stat().st_mtime_ns if path.exists() else 0)


class SnapshotExecutor:
    """Has another executor train, and keeps what it trains in a store."""

    def __init__(self, live: Executor, store: SnapshotStore) -> None:
        self._live, self._store = live, store

    def start(self, members: Sequence[Member]) -> Resident:
        return SnapshotPopulation(self._live, self._store, tuple(members))

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        return self._live.restore(members, arrays, age)


class SnapshotPopulation(Trained):
    """Members whose first epochs may come from a snapshot."""

    def __init__(self, live: Executor, store: SnapshotStore, members: tuple[Member, ...]) -> None:
        self._executor, self._store, self._members = live, store, members
        self._digest = digest_of(members)
        self._found = store.load(self._digest)
        self._done: list[TrainedEpoch] = []
        self._alive = tuple(range(len(members)))
        self._population: Resident | None = None

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        epoch = self._recorded() or self._train(seconds)
        if epoch is None:
            return None
        self._done.append(epoch)
        if self._population is not None and self._store.due(self._size()):
            self._store.save(self._snapshot)
        others = {"lost": dict(epoch.lost), "workers": epoch.workers}
        return Outcome.of_epoch(epoch.metrics, epoch.cost, **others)

    def _recorded(self) -> TrainedEpoch | None:
        """The next epoch, if the snapshot has it of just these members."""
        ahead = self._found.epochs[len(self._done) :] if self._found is not None else ()
        if self._population is not None or not ahead or ahead[0].alive != self._alive:
            return None
        return ahead[0]

    def _train(self, seconds: float) -> TrainedEpoch | None:
        outcome = self._resident().advance(1, seconds=seconds)
        if not outcome.epochs:
            return None
        metrics = {name: curve[0] for name, curve in outcome.curves.items()}
        return TrainedEpoch(self._alive, metrics, outcome.cost, outcome.lost, outcome.workers)

    def _resident(self) -> Resident:
        """The members as they are now, in the executor's hands."""
        if self._population is None:
            found, age = self._found, len(self._done)
            if found is not None and age and age == len(found.epochs):
                held = found.epochs[-1].alive
                members = [self._members[k] for k in held]
                self._population = self._executor.restore(members, found.state, age)
            else:
                held = tuple(range(len(self._members)))
                self._population = self._executor.start(self._members)
                for epoch in self._done:  # a snapshot whose survivors are now others: anew
                    self._population.keep([held.index(k) for k in epoch.alive])
                    self._population.advance(1)
                    held = epoch.alive
            if held != self._alive:
                self._population.keep([held.index(k) for k in self._alive])
        return self._population

    def keep(self, chosen: Sequence[int]) -> None:
        self._alive = tuple(self._alive[k] for k in chosen)
        if self._population is not None:
            self._population.keep(chosen)

    def weights(self, k: int) -> Mapping[str, Any]:
        return self._resident().weights(k)

    def snapshot(self) -> Mapping[str, np.ndarray]:
        return self._resident().snapshot()

    def _size(self) -> int:
        """Bytes of a snapshot, about."""
        return sum(costs_of(self._members[k].shape).state_bytes for k in self._alive)

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._digest, tuple(self._done), self.snapshot())


def digest_of(members: Sequence[Member]) -> str:
    """Tells populations apart: their networks and keys."""
    facts = [[member.key, member.config.to_dict()] for member in members]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _write(path: Path, snapshot: Snapshot) -> None:
    arrays = {f"state/{name}": array for name, array in snapshot.state.items()}
    for number, epoch in enumerate(snapshot.epochs):
        arrays |= {f"epoch/{number}/{name}": values for name, values in epoch.metrics.items()}
    epochs = [
        {"alive": e.alive, "cost": asdict(e.cost), "lost": dict(e.lost), "workers": e.workers}
        for e in snapshot.epochs
    ]
    write_tensors(path, arrays, {"digest": snapshot.digest, "epochs": epochs}, KIND)


def _read(path: Path) -> Snapshot:
    """Raises: FileNotFoundError, DataError for a file that is damaged or of another form."""
    if not path.exists():
        raise FileNotFoundError(path)
    arrays, tree = read_tensors(path, KIND)
    try:
        facts = validated(_Facts, tree, "its notes")
        epochs = tuple(_epoch_of(entry, arrays, k) for k, entry in enumerate(facts.epochs))
    except (ConfigError, TypeError, ValueError) as error:
        raise DataError(f"it is of another form: {error}") from None
    state, held = _below(arrays, "state/"), len(epochs[-1].alive) if epochs else 0
    if not epochs or any(array.shape[:1] != (held,) for array in state.values()):
        raise DataError("it is of another form: its state is not of its members")
    return Snapshot(facts.digest, epochs, state)


_COST = TypeAdapter(Cost)


class _Epoch(Frozen):
    """What is noted of an epoch beside its metrics; see TrainedEpoch."""

    alive: list[int]
    cost: dict[str, int | float]
    lost: dict[str, str]
    workers: int


class _Facts(Frozen):
    digest: str
    epochs: list[_Epoch]


def _epoch_of(noted: _Epoch, arrays: Mapping[str, np.ndarray], number: int) -> TrainedEpoch:
    metrics = _below(arrays, f"epoch/{number}/")
    shapes = {column.shape for column in metrics.values()}
    if not metrics.keys() >= set(LOSSES) or shapes != {(len(noted.alive),)}:
        raise DataError(f"the metrics of epoch {number} are not of its members")
    lost = {int(k): reason for k, reason in noted.lost.items()}
    cost = _COST.validate_python(noted.cost)
    return TrainedEpoch(tuple(noted.alive), metrics, cost, lost, noted.workers)


def _below(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
