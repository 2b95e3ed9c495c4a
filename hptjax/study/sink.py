"""What watches a study and changes nothing in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.records.trial import GenerationRecord


class Sink:
    """A watcher; a subclass overrides what it wants to see.

    One that is to be named in a study, under `sinks`, may have options, and say how it is opened.
    """

    class Options(Frozen):
        """There is nothing to be told."""

    @classmethod
    def open(cls, study: Any, folder: Path, options: Any) -> Self:
        """The sink of a study: a StudyConfig; folder: of its run; options: of the class's Options.

        A sink that is a context manager, too, is closed when the study ends.
        """
        return cls()

    def begin(self, strategy: str, trials: int | None) -> None:
        """A strategy starts, with at most so many trials to make (None: not known)."""

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        """An epoch, from 1, of the present generation is over.

        metrics: [P] of the members still trained.
        """

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        """A generation is in the journal; replayed: it was there before."""

    def end(self, strategy: str, reason: str) -> None:
        """A strategy stopped."""

    def message(self, text: str) -> None:
        """Something that the user should know once."""
