"""What watches a study and changes nothing in it."""

from collections.abc import Mapping

import numpy as np

from hptjax.records.trial import GenerationRecord


class Sink:
    """A watcher; a subclass overrides what it wants to see."""

    def begin(self, strategy: str, trials: int | None) -> None:
        """A strategy starts, with at most so many trials to make (None: not known)."""

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        """An epoch of the present generation is over; metrics: [P] of the members still trained."""

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        """A generation is in the journal; replayed: it was there before."""

    def end(self, strategy: str, reason: str) -> None:
        """A strategy stopped."""

    def message(self, text: str) -> None:
        """Something that the user should know once."""
