"""Learning-rate schedules: a class and a row of the table each.

base.py says what a schedule must be.
"""

from hptjax.config.parts import LR_SCHEDULES

__all__ = ["LR_SCHEDULES"]
