"""Studies: search strategies that run over a space, within budgets, resumable."""

from hptjax.study.config import StudyConfig
from hptjax.study.load import load_study
from hptjax.study.run import run_study

__all__ = ["StudyConfig", "load_study", "run_study"]
