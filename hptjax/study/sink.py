"""Sinks: observers of a study, which change nothing in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.records.trial import GenerationRecord


class Sink:
    """An observer of a study; a subclass overrides the methods for the events that it needs.

    A sink that a study names under `sinks` may also override `Options` and `open`.

    Example:
        >>> import hptjax
        >>> class Counter(hptjax.Sink):
        ...     trials = 0
        ...     def generation(self, record, *, replayed):
        ...         self.trials += len(record.trials)
    """

    class Options(Frozen):
        """A sink has no options by default."""

    @classmethod
    def open(cls, study: Any, folder: Path, options: Any) -> Self:
        """Opens the sink for a study.

        study: a StudyConfig. folder: the run's directory. options: an instance of `Options`. A sink
        that is also a context manager is closed when the study ends.
        """
        return cls()

    def begin(self, strategy: str, trials: int | None) -> None:
        """Called when a strategy starts; trials: the most it will make (None: not known)."""

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Called when an epoch of the present generation is over.

        epoch: its number, from 1. metrics: {name: [P]} of the members still trained.
        """

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        """Called when a generation is in the journal; replayed: whether it was there before."""

    def end(self, strategy: str, reason: str) -> None:
        """Called when a strategy stops."""

    def message(self, text: str) -> None:
        """Called with a text that the user should read once."""
