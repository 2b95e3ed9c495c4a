"""Updates a result while its run goes on, and calls the caller's callbacks for each trial."""

from collections.abc import Callable, Sequence

from hptjax.errors import ConfigError, shown
from hptjax.records.trial import GenerationRecord
from hptjax.study.sink import Sink
from hptjax.tuning.result import Result
from hptjax.tuning.trial import Trial

Callback = Callable[[Result, Trial], object]


class Stopped(Exception):
    """A callback asked to end the study, after a recorded generation."""


class Follower(Sink):
    """Adds each generation to a result, and calls each callback with each of its trials.

    When a run is resumed, its earlier trials come again, so that a callback stops the search at the
    same trial. Raises Stopped after a callback has called `result.stop()`.
    """

    def __init__(self, result: Result, callbacks: Sequence[Callback]) -> None:
        self._result, self._callbacks = result, callbacks

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        self._result._take(record)
        for trial in record.trials:
            for callback in self._callbacks:
                callback(self._result, self._result._trial(trial))
        if self._result._asked_to_stop:
            raise Stopped


def read_callbacks(callbacks: object) -> tuple[tuple[Sink, ...], tuple[Callback, ...]]:
    """Splits callbacks into sinks and functions f(result, trial); ConfigError for anything else."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise ConfigError(
            "callbacks: must be a list of functions f(result, trial) or sinks, got "
            f"{shown(callbacks)}."
        )
    sinks = tuple(own for own in callbacks if isinstance(own, Sink))
    functions = tuple(own for own in callbacks if not isinstance(own, Sink))
    for own in functions:
        if not callable(own) or isinstance(own, type):
            raise ConfigError(
                f"callbacks: must be functions f(result, trial) or sinks, got {shown(own)}."
            )
    return sinks, functions
