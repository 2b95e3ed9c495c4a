"""What networks learn: the loss, what is measured, and what labels or targets a data set must have.

`hptjax.config.parts.TASKS` is their table; `base` is the contract.
"""

from hptjax.tasks.base import Measure, Task

__all__ = ["Measure", "Task"]
