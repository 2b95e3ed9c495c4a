"""TensorBoard scalars of a run, a folder per trial, written anew from the journal by a resume."""

import shutil
from pathlib import Path

from tensorboardX import SummaryWriter

from hptjax.records.trial import GenerationRecord, TrialRecord
from hptjax.study.sink import Sink


class TensorBoardSink(Sink):
    """Writes `ptl/train_loss` and so on (the original study's tags) per epoch of each trial."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if folder.exists():
            shutil.rmtree(folder)  # all of it comes again, from the journal

    def generation(self, record: GenerationRecord, *, replayed: bool) -> None:
        for trial in record.trials:
            if trial.epochs:
                self._write(trial)

    def _write(self, trial: TrialRecord) -> None:
        folder = self._folder / trial.strategy / f"trial-{trial.number:05d}"
        with SummaryWriter(str(folder)) as writer:
            for metric, curve in trial.epochs.items():
                for epoch, value in enumerate(curve, start=1):
                    shown = float("nan") if value is None else value
                    writer.add_scalar(f"ptl/{metric}", shown, epoch)
