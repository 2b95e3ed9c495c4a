"""What a study is: its network, space, images, searchers, budget.

Each name is imported when first asked for: JAX is not imported before.
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
