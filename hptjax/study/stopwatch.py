"""Where the time of a generation goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds under labels until they are taken.

    `strategy_s` and `log_s` of a generation hold what was spent since the generation before it was
    recorded: the telling and the writing of a record cannot be in that record.
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
        """Seconds by label and `wall_s` since the last take; starts anew."""
        now = self._clock()
        seconds = {**self._seconds, "wall_s": now - self._began}
        self._seconds.clear()
        self._began = now
        return seconds
