"""Optimizers of one member's weights, by name.

One file and one row of the table each; base.py says what an optimizer must be.
"""

from typing import TYPE_CHECKING

from hptjax.table import Table

if TYPE_CHECKING:
    from hptjax.population.optimizers.base import Optimizer

OPTIMIZERS: Table[type["Optimizer"]] = Table(
    "optimizers",
    "optimizer",
    {
        "adam": "hptjax.population.optimizers.adam:Adam",
        "adamw": "hptjax.population.optimizers.adam:AdamW",
        "sgd": "hptjax.population.optimizers.sgd:SGD",
        "rmsprop": "hptjax.population.optimizers.rmsprop:RMSprop",
        "optax.<name>": "hptjax.population.optimizers.optax:optimizer",
    },
    base="hptjax.population.optimizers.base:Optimizer",
)
