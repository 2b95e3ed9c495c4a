"""Registers DES with evosax, under a name that leaves evosax's own "DES" (Discovered ES) alone."""

import evosax.algorithms
from evosax.algorithms.distribution_based import distribution_based_algorithms

from hptjax.des.algorithm import DES

NAME = "DifferentialEvolutionStrategy"

algorithms = {NAME: DES}


def register() -> str:
    """Adds DES to `evosax.algorithms.algorithms`; returns its name there."""
    for table in (distribution_based_algorithms, evosax.algorithms.algorithms):
        table.setdefault(NAME, DES)
    return NAME
