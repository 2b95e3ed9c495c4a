"""Optimizers of one member's weights: a file and a row of the table each.

base.py says what an optimizer must be.
"""

from hptjax.config.parts import OPTIMIZERS

__all__ = ["OPTIMIZERS"]
