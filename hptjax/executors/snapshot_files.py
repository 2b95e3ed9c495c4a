"""Files of snapshots: the epochs of a generation so far, and the state of its members."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, DataError
from hptjax.population.resident import Cost
from hptjax.records.best import flatten, unflatten
from hptjax.records.metrics import LOSSES
from hptjax.records.tensors import read_tensors, write_tensors

KIND = "snapshot 2"  # kind 1 had the state of one optimizer only
SPARED = "spared/"  # prefix of the weights of members that were dropped


@dataclass(frozen=True)
class TrainedEpoch:
    """One epoch of a generation: the trained members, their metrics, and the cost.

    alive: the members, as places in the generation. lost: {place among these: why it was lost}.
    """

    alive: tuple[int, ...]
    metrics: Mapping[str, np.ndarray]
    cost: Cost
    lost: Mapping[int, str]
    workers: int


@dataclass(frozen=True)
class Snapshot:
    """The epochs so far, and the state [P, ...] of the members trained in the last one.

    spared: {place in the generation: weights} of members that were dropped after their weights had
    been asked for: they may yet be the best.
    """

    digest: str
    epochs: tuple[TrainedEpoch, ...]
    state: Mapping[str, np.ndarray]
    spared: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Writes a snapshot, whole or not at all; raises OSError."""
    arrays = {f"state/{name}": array for name, array in snapshot.state.items()}
    for number, epoch in enumerate(snapshot.epochs):
        arrays |= {f"epoch/{number}/{name}": values for name, values in epoch.metrics.items()}
    for place, weights in snapshot.spared.items():
        arrays |= {f"{SPARED}{place}/{name}": array for name, array in flatten(weights).items()}
    epochs = [
        {"alive": e.alive, "cost": asdict(e.cost), "lost": dict(e.lost), "workers": e.workers}
        for e in snapshot.epochs
    ]
    write_tensors(path, arrays, {"digest": snapshot.digest, "epochs": epochs}, KIND)


def read_snapshot(path: Path) -> Snapshot:
    """Reads a snapshot; raises FileNotFoundError, or DataError for a damaged or other file."""
    if not path.exists():
        raise FileNotFoundError(path)
    arrays, tree = read_tensors(path, KIND)
    try:
        facts = validated(_Facts, tree, "its notes")
        epochs = tuple(_epoch_of(entry, arrays, k) for k, entry in enumerate(facts.epochs))
        spared = _spared(arrays)
    except (ConfigError, TypeError, ValueError) as error:
        raise DataError(f"it is of another form: {error}") from None
    state, held = _below(arrays, "state/"), len(epochs[-1].alive) if epochs else 0
    if not epochs or any(array.shape[:1] != (held,) for array in state.values()):
        raise DataError("it is of another form: its state is not of its members")
    return Snapshot(facts.digest, epochs, state, spared)


def _spared(arrays: Mapping[str, np.ndarray]) -> dict[int, Mapping[str, Any]]:
    """The spared weights by place; raises ValueError for an unknown name."""
    tree = unflatten(_below(arrays, SPARED))
    return {int(place): weights for place, weights in tree.items()}


_COST = TypeAdapter(Cost)


class _Epoch(Frozen):
    """The facts of an epoch beside its metrics; see TrainedEpoch."""

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
