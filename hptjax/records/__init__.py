"""The records of a run, as plain data and files: trials, journal, best network, directory."""

from hptjax.records.best import SavedNetwork, load_network, save_best, save_network
from hptjax.records.change import Change
from hptjax.records.run_dir import RunDirectory, load_run
from hptjax.records.trial import GenerationRecord, Status, StudyResult, TrialRecord

__all__ = [
    "Change",
    "GenerationRecord",
    "RunDirectory",
    "SavedNetwork",
    "Status",
    "StudyResult",
    "TrialRecord",
    "load_network",
    "load_run",
    "save_best",
    "save_network",
]
