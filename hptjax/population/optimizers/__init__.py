"""Optimizers of one member's weights: one file and one row of the table each.

base.py says what an optimizer must do.
"""

from hptjax.config.parts import OPTIMIZERS

__all__ = ["OPTIMIZERS"]
