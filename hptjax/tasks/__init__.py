"""What networks learn: the loss, the measures, and the labels or targets that data must have.

`hptjax.config.parts.TASKS` is the table of tasks; `base` is their contract.
"""

from hptjax.tasks.base import Measure, Task

__all__ = ["Measure", "Task"]
