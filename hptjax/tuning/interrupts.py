"""Ctrl-C and the stop button of a notebook end a study after the epoch, with a snapshot."""

import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from hptjax.records.trial import GenerationRecord
from hptjax.study.sink import Sink

TEXT = "Stopping after this epoch; a second time stops at once."


class Interrupts(Sink):
    """A sink that catches the first interrupt in training and ends the study after the epoch.

    The present epoch is trained to its end, and a snapshot is taken; then KeyboardInterrupt is
    raised. Before the training, and at a second interrupt, the old handler is called. Only the main
    thread of a process gets signals; in any other thread this class does nothing.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._training = say, False
        self._asked = self._told = False
        self._old: Any = None
        self._taken = False

    def leaving(self) -> bool:
        """Whether the study is about to be interrupted; the store of snapshots asks this."""
        self._told = self._asked
        return self._asked

    def __enter__(self) -> "Interrupts":
        here = threading.current_thread() is threading.main_thread()
        # nohup or a shell may have it ignored
        if here and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._old = signal.signal(signal.SIGINT, self._take)
            self._taken = True
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._taken:
            signal.signal(signal.SIGINT, self._old or signal.SIG_DFL)
            self._taken = False
        if self._asked and kind is None:  # it came when all training was done
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._training and not self._asked:
            self._asked = True
            # in a separate thread: the interrupted code may be in the middle of printing
            threading.Thread(target=self._say, args=(TEXT,), daemon=True).start()
        elif callable(self._old):
            self._old(number, frame)
        else:
            raise KeyboardInterrupt

    def begin(self, strategy: str, trials: int | None) -> None:
        self._training = True

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        if self._told:  # otherwise it came too late for a snapshot of this epoch
            raise KeyboardInterrupt

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        if self._asked:
            raise KeyboardInterrupt
