"""A study: its network, space, images, searchers and budget.

Each name is imported at its first use, so that this package does not import JAX.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.study.config import StudyConfig
    from hptjax.study.load import load_study

__all__ = ["StudyConfig", "load_study"]

_HOMES = {
    "StudyConfig": "hptjax.study.config",
    "load_study": "hptjax.study.load",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
