"""Learning-rate schedules, by name.

One class and one row of the table each; base.py says what a schedule must be.
"""

from typing import TYPE_CHECKING

from hptjax.table import Table

if TYPE_CHECKING:
    from hptjax.population.lr_schedules.base import LrSchedule

LR_SCHEDULES: Table[type["LrSchedule"]] = Table(
    "lr_schedules",
    "learning-rate schedule",
    {
        "constant": "hptjax.population.lr_schedules.smooth:Constant",
        "cosine": "hptjax.population.lr_schedules.smooth:Cosine",
        "linear": "hptjax.population.lr_schedules.smooth:Linear",
        "polynomial": "hptjax.population.lr_schedules.smooth:Polynomial",
        "exponential": "hptjax.population.lr_schedules.smooth:Exponential",
        "step": "hptjax.population.lr_schedules.step:Step",
        "one_cycle": "hptjax.population.lr_schedules.one_cycle:OneCycle",
    },
    base="hptjax.population.lr_schedules.base:LrSchedule",
)
