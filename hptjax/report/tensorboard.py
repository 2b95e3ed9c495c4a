"""TensorBoard's files of a run, a folder for each trial; a resume writes them again."""

import json
import shutil
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tensorboardX import RecordWriter
from tensorboardX.proto import event_pb2, summary_pb2

from hptjax.records.goal import Goal
from hptjax.records.metrics import CLASSIFICATION
from hptjax.records.trial import FAILED, GenerationRecord, TrialRecord
from hptjax.report.hparams_plugin import (
    experiment,
    plain_scalar,
    scalar_tag,
    session_end,
    session_start,
)
from hptjax.report.seconds import own_seconds
from hptjax.space import Space
from hptjax.study.config import StudyConfig
from hptjax.study.sink import Sink

pb: Any = event_pb2  # its classes are made at import, so that type checkers do not see them
summaries: Any = summary_pb2


class TensorBoardSink(Sink):
    """Writes a TensorBoard run for each trial: metrics per epoch (`train/loss`), hparams, and end.

    If candidates are trained more than once, `spread/val_loss` and so on are standard deviations.
    The columns of the HParams page are declared before the first trial. Trials of one strategy with
    the same hparams are one group there.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        strategies: Sequence[str],
        goal: Goal,
        metrics: Sequence[str] = CLASSIFICATION,
    ) -> None:
        """strategies: their labels; goal: that of the study; metrics: those that trials will have.

        The folder is not changed until a strategy begins.
        """
        self._folder = folder
        self._space, self._strategies = space, strategies
        self._goal, self._metrics = goal, metrics
        self._groups: dict[tuple[str, str], str] = {}
        self._begun = False

    @classmethod
    def open(cls, study: StudyConfig, folder: Path, options: Any) -> Self:
        goal = Goal.from_tree(study.metric)
        return cls(folder / "tb", study.space, study.labels, goal, study.curves)

    def begin(self, strategy: str, trials: int | None) -> None:
        if self._begun:
            return
        self._begun = True
        if self._folder.exists():
            shutil.rmtree(self._folder)  # it is written again, from the journal
        summary = experiment(self._space, self._strategies, self._goal, self._metrics)
        write_events(self._folder, [pb.Event(wall_time=time.time(), summary=summary)])

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        # the time at which a replayed generation ended is not known: it ends now, too
        ended = time.time()
        began = ended - own_seconds(record.ledger)
        for trial in record.trials:
            name = f"{trial.strategy}/trial-{trial.number:05d}"
            start = session_start(
                self._space, trial.strategy, trial.hparams, self._group(trial, name), began
            )
            events = [
                pb.Event(wall_time=began, summary=start),
                *scalar_events(trial, self._goal.name, began, ended),
                pb.Event(wall_time=ended, summary=session_end(trial.status in FAILED, ended)),
            ]
            write_events(self._folder / name, events)

    def _group(self, trial: TrialRecord, name: str) -> str:
        """The name of the first trial with these hparams."""
        plain = {key: plain_scalar(value) for key, value in trial.hparams.items()}
        key = (trial.strategy, json.dumps(plain, sort_keys=True))
        return self._groups.setdefault(key, name)


def scalar_events(trial: TrialRecord, name: str, began: float, ended: float) -> Iterable[Any]:
    """The curves of a trial, with epochs from 1 spread evenly between two times, and its value.

    name: the name of the metric of the value.
    """
    curves = {
        **{scalar_tag(metric): curve for metric, curve in trial.epochs.items()},
        **{f"spread/{metric}": curve for metric, curve in trial.spread.items()},
    }
    for epoch in range(1, trial.age + 1):
        at = began + (ended - began) * epoch / trial.age
        for tag, curve in curves.items():
            value = curve[epoch - 1]
            yield _scalar(tag, float("nan") if value is None else float(value), epoch, at)
    if trial.value is not None:
        yield _scalar(name, float(trial.value), trial.age, ended)


def write_events(folder: Path, events: Iterable[Any]) -> None:
    """Writes a folder with one event file at once, without the thread of a SummaryWriter.

    A thousand SummaryWriters would leave a thousand exit handlers behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
    with closing(RecordWriter(str(path))) as writer:
        for event in (pb.Event(wall_time=time.time(), file_version="brain.Event:2"), *events):
            writer.write(event.SerializeToString())


def _scalar(tag: str, value: float, step: int, at: float) -> Any:
    summary = summaries.Summary(value=[summaries.Summary.Value(tag=tag, simple_value=value)])
    return pb.Event(wall_time=at, step=step, summary=summary)
