"""Learning-rate schedules: one class and one row of the table each.

base.py says what a schedule must do.
"""

from hptjax.config.parts import LR_SCHEDULES

__all__ = ["LR_SCHEDULES"]
