"""Joins the metrics and the states of several populations into those of one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.population import Cost, Outcome, Population
from hptjax.population.resident import Trained
from hptjax.records.metrics import LOSSES

Arrays = Mapping[str, np.ndarray]


class JoinedPopulation(Trained):
    """The populations of several trainers as one; each part has the places of its members."""

    def __init__(self, parts: Sequence[tuple[Population, Sequence[int]]]) -> None:
        self._parts = [(population, list(places)) for population, places in parts]

    def epoch(self, seconds: float = math.inf) -> Outcome | None:
        if sum(part.predicted_seconds() for part, _ in self._parts) > seconds:
            return None
        outcomes = [(part.advance(1), places) for part, places in self._parts]
        count = sum(len(places) for _, places in self._parts)
        metrics = join_metrics([(last_epoch(o), places) for o, places in outcomes], count)
        return Outcome.of_epoch(metrics, sum((o.cost for o, _ in outcomes), Cost()))

    def keep(self, chosen: Sequence[int]) -> None:
        new = {old: place for place, old in enumerate(chosen)}
        kept = []
        for part, places in self._parts:
            inside = [k for k, place in enumerate(places) if place in new]
            if inside:
                part.keep(inside)
                kept.append((part, [new[places[k]] for k in inside]))
        self._parts = kept

    def mark(self, chosen: Sequence[int]) -> None:
        for part, places in self._parts:
            own = [places.index(k) for k in chosen if k in places]
            if own:
                part.mark(own)

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        part, places = next(pair for pair in self._parts if k in pair[1])
        return part.weights(places.index(k), marked=marked)

    def snapshot(self) -> dict[str, np.ndarray]:
        """The state in the order of the members; zeros pad the vectors of smaller programs."""
        count = sum(len(places) for _, places in self._parts)
        return join_arrays([(part.snapshot(), places) for part, places in self._parts], count)


def last_epoch(outcome: Outcome) -> dict[str, np.ndarray]:
    """The metrics [P] of the last epoch of an outcome."""
    return {name: curve[-1] for name, curve in outcome.curves.items()}


def join_metrics(
    parts: Sequence[tuple[Arrays, Sequence[int]]], count: int
) -> dict[str, np.ndarray]:
    """The metrics [count] of one epoch, with each part at its places and NaN elsewhere."""
    dtype = np.result_type(*(part["val_loss"] for part, _ in parts)) if parts else np.float32
    names = dict.fromkeys(name for part, _ in parts for name in part) or LOSSES
    out = {name: np.full(count, np.nan, dtype) for name in names}
    for part, places in parts:
        for name, values in part.items():
            out[name][places] = values
    return out


def join_arrays(parts: Sequence[tuple[Arrays, Sequence[int]]], count: int) -> dict[str, np.ndarray]:
    """The snapshots of parts as one, [count, ...]; zeros where a part is shorter or missing."""
    out: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(name for arrays, _ in parts for name in arrays):
        own = [(arrays[name], places) for arrays, places in parts if name in arrays]
        longest = max(array.shape[1:] for array, _ in own)
        out[name] = np.zeros((count, *longest), own[0][0].dtype)
        for array, places in own:
            out[name][(places, *map(slice, array.shape[1:]))] = array
    return out
