"""What a run leaves behind, as plain data and files: trials, journal, best network, directory."""

from hptjax.records.best import load_best, save_best
from hptjax.records.change import Change
from hptjax.records.run_dir import RunDirectory, load_run
from hptjax.records.trial import GenerationRecord, Status, StudyResult, TrialRecord

__all__ = [
    "Change",
    "GenerationRecord",
    "RunDirectory",
    "Status",
    "StudyResult",
    "TrialRecord",
    "load_best",
    "load_run",
    "save_best",
]
