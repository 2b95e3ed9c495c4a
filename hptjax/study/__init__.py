"""What a study is: its network, space, images, searchers, budget."""

from hptjax.study.config import StudyConfig
from hptjax.study.load import load_study

__all__ = ["StudyConfig", "load_study"]
