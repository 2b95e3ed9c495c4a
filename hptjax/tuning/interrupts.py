"""Ctrl-C, and the stop button of a notebook: a study ends after the epoch, with a snapshot."""

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
    """A sink that takes the first interrupt while networks are trained, and ends the study soon.

    The epoch that is trained is trained to its end, and a snapshot taken; then KeyboardInterrupt is
    raised. Before the training, and at the second time, it is as without this. Signals come to the
    main thread of a process alone; in any other thread this does nothing.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._training = say, False
        self._asked = self._told = False
        self._old: Any = None
        self._taken = False

    def leaving(self) -> bool:
        """Whether the study is about to be left, for who takes snapshots after an epoch."""
        self._told = self._asked
        return self._asked

    def __enter__(self) -> "Interrupts":
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # nohup's, or a shell's
            self._old = signal.signal(signal.SIGINT, self._take)
            self._taken = True
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._taken:
            signal.signal(signal.SIGINT, self._old or signal.SIG_DFL)
            self._taken = False
        if self._asked and kind is None:  # it came when nothing was left to be trained
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._training and not self._asked:
            self._asked = True
            # from a thread of its own: what is interrupted may be in the middle of printing
            threading.Thread(target=self._say, args=(TEXT,), daemon=True).start()
        elif callable(self._old):
            self._old(number, frame)
        else:
            raise KeyboardInterrupt

    def begin(self, strategy: str, trials: int | None) -> None:
        self._training = True

    def epoch(self, strategy: str, epoch: int, metrics: Mapping[str, np.ndarray]) -> None:
        if self._told:  # else it came too late for a snapshot of this epoch
            raise KeyboardInterrupt

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        if self._asked:
            raise KeyboardInterrupt
