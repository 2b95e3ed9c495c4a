"""Studies: the loop that runs search strategies over a space, and its records."""

from hptjax.study.loop import run_study
from hptjax.study.trial import GenerationRecord, StudyResult, TrialRecord

__all__ = ["GenerationRecord", "StudyResult", "TrialRecord", "run_study"]
