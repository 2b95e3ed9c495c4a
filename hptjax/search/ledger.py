"""Accounts for the time and the FLOPs of a generation."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hptjax.population.resident import Cost


class Stopwatch:
    """Adds up seconds by label until they are taken.

    `searcher_s` and `log_s` of a generation count from the record of the generation before: a
    record cannot contain the time of its own writing and telling.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self._seconds[label] += self._clock() - began

    def take(self) -> dict[str, float]:
        """Returns the seconds by label, and `wall_s`, since the last take; then restarts."""
        now = self._clock()
        seconds = {**self._seconds, "wall_s": now - self._began}
        self._seconds.clear()
        self._began = now
        return seconds


def ledger_of(
    members: int,
    member_epochs: int,
    images: int,
    cost: Cost,
    seconds: Mapping[str, float],
    workers: int = 1,
) -> dict[str, float]:
    """The ledger of a generation.

    members: how many networks were trained. images: images of an epoch. seconds: the result of a
    Stopwatch. workers: the largest number of workers at a time. FLOPs are ratios to those of the
    exact net shapes.
    """
    true = cost.true_flops
    return {
        "members": members,
        "member_epochs": member_epochs,
        "samples": member_epochs * images,
        "searcher_s": 0.0,
        "log_s": 0.0,
        **seconds,
        "compile_s": cost.compile_s,
        "train_s": cost.train_s,
        "padded_over_true_flops": cost.padded_flops / true if true else 1.0,
        "lanes_over_true_flops": cost.lane_flops / true if true else 1.0,
        "workers": workers,
        "workers_lost": cost.workers_lost,
        "retries": cost.retries,
    }
