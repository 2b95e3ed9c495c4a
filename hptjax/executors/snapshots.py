"""Populations that outlive the process: files keep their state after an epoch.

The resumed loop asks again for a generation that was killed; the population then returns the epochs
of the snapshot from the file, and trains on from there.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.errors import DataError
from hptjax.executors.base import Executor, Resident
from hptjax.executors.snapshot_files import Snapshot, TrainedEpoch, read_snapshot, write_snapshot
from hptjax.models.costs import costs_of
from hptjax.population.pack import Member
from hptjax.population.resident import Outcome, Trained

COST_SHARE = 0.02  # share of the training time that snapshots may take
WRITE_RATE = 2e8  # bytes per second, before the first write is measured
NAMES = ("a.safetensors", "b.safetensors")  # the older one is replaced, so that one is always whole


class SnapshotStore:
    """A folder with two snapshots."""

    def __init__(
        self,
        folder: Path,
        *,
        notify: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.perf_counter,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        """notify: called once if the disk refuses a snapshot; the study goes on without snapshots.

        leaving: whether the study is about to be interrupted, so that a snapshot is worth its time.
        """
        self._folder, self._notify, self._clock = folder, notify, clock
        self._leaving = leaving
        self._write_s: float | None = None
        self._last, self._broken = clock(), False
        self._damaged: set[str] = set()

    def due(self, size: int) -> bool:
        """Whether a snapshot of `size` bytes now would keep within COST_SHARE of the time.

        Always true if the study is about to be interrupted.
        """
        expected = size / WRITE_RATE if self._write_s is None else self._write_s
        in_time = self._clock() - self._last >= expected / COST_SHARE
        return (self._leaving() or in_time) and not self._broken

    def save(self, make: Callable[[], Snapshot]) -> None:
        """Takes and writes a snapshot; notifies, and does not raise, if the disk refuses it."""
        began = self._clock()
        try:
            self._folder.mkdir(exist_ok=True)  # does not create a run directory that was moved away
            write_snapshot(self._oldest(), make())
        except OSError as error:
            self._broken = True
            self._notify(f"No more snapshots: {self._folder}: {error.strerror}.")
        self._last = self._clock()
        self._write_s = self._last - began

    def load(self, digest: str) -> Snapshot | None:
        """The furthest readable snapshot of these members; None if there is none."""
        found = []
        for name in NAMES:
            try:
                found.append(read_snapshot(self._folder / name))
            except FileNotFoundError:
                continue
            except DataError as error:  # this costs time, not the study
                if name not in self._damaged:
                    self._notify(f"A snapshot is not used: {self._folder / name}: {error}.")
                self._damaged.add(name)
        own = [snapshot for snapshot in found if snapshot.digest == digest]
        return max(own, key=lambda snapshot: len(snapshot.epochs), default=None)

    def clear(self) -> None:
        """Removes all snapshots, also half-written ones, at a study's end; keeps other files."""
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
    """Trains by another executor, and keeps snapshots in a store."""

    def __init__(self, live: Executor, store: SnapshotStore) -> None:
        self._live, self._store = live, store

    def start(self, members: Sequence[Member]) -> Resident:
        return SnapshotPopulation(self._live, self._store, tuple(members))

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        return self._live.restore(members, arrays, age)


class SnapshotPopulation(Trained):
    """Members whose first epochs may come from a snapshot.

    A snapshot is taken after an epoch, before members are marked for it: it holds the marks of
    earlier epochs only.
    """

    def __init__(self, live: Executor, store: SnapshotStore, members: tuple[Member, ...]) -> None:
        self._executor, self._store, self._members = live, store, members
        self._digest = digest_of(members)
        self._found = store.load(self._digest)
        self._done: list[TrainedEpoch] = []
        self._marks: list[tuple[int, ...]] = []  # after each epoch, as places in the generation
        self._asked: dict[int, Mapping[str, Any]] = {}  # weights, by place in the generation
        self._alive = tuple(range(len(members)))
        self._population: Resident | None = None

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        epoch = self._recorded() or self._train(seconds)
        if epoch is None:
            return None
        self._done.append(epoch)
        self._marks.append(())
        if self._population is not None and self._store.due(self._size()):
            self._store.save(self._snapshot)
        others = {"lost": dict(epoch.lost), "workers": epoch.workers}
        return Outcome.of_epoch(epoch.metrics, epoch.cost, **others)

    def _recorded(self) -> TrainedEpoch | None:
        """The next epoch, if the snapshot has it for exactly these members."""
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
        """The members in their present state, with the live executor."""
        if self._population is None:
            found, age = self._found, len(self._done)
            if found is not None and age and age == len(found.epochs):
                held = found.epochs[-1].alive
                members = [self._members[k] for k in held]
                self._population = self._executor.restore(members, found.state, age)
                self._mark(self._marks[-1], held)
            else:
                held = tuple(range(len(self._members)))
                self._population = self._executor.start(self._members)
                # the snapshot has other survivors: train from the start
                for epoch, marks in zip(self._done, self._marks, strict=True):
                    self._population.keep([held.index(k) for k in epoch.alive])
                    self._population.advance(1)
                    held = epoch.alive
                    self._mark(marks, held)
            if held != self._alive:
                self._population.keep([held.index(k) for k in self._alive])
        return self._population

    def keep(self, chosen: Sequence[int]) -> None:
        self._alive = tuple(self._alive[k] for k in chosen)
        if self._population is not None:
            self._population.keep(chosen)

    def mark(self, chosen: Sequence[int]) -> None:
        own = tuple(self._alive[k] for k in chosen)
        self._marks[-1] = tuple(dict.fromkeys((*self._marks[-1], *own)))
        if self._population is not None:
            self._population.mark(chosen)

    def _mark(self, marked: Sequence[int], held: Sequence[int]) -> None:
        """Marks members of the population, given as places in the generation."""
        if marked and self._population is not None:
            self._population.mark([held.index(k) for k in marked])

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        own, found = self._alive[k], self._found
        spared = found.spared if found is not None and self._population is None else {}
        given = spared.get(own)
        if given is None:
            resident = self._resident()
            given = resident.weights(k, marked=True) if marked else resident.weights(k)
        self._asked[own] = given
        return given

    def snapshot(self) -> Mapping[str, np.ndarray]:
        return self._resident().snapshot()

    def _size(self) -> int:
        """The approximate bytes of a snapshot."""
        return sum(costs_of(self._members[k].shape).state_bytes for k in self._alive)

    def _snapshot(self) -> Snapshot:
        spared = {k: own for k, own in self._asked.items() if k not in self._alive}
        return Snapshot(self._digest, tuple(self._done), self.snapshot(), spared)


def digest_of(members: Sequence[Member]) -> str:
    """A digest of the members' networks and keys, which tells populations apart."""
    facts = [[member.key, member.config.to_dict()] for member in members]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
