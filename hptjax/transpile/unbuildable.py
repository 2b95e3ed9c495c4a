"""Values of a space that no network can have, such as a depth at which the maps would vanish."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hptjax.entries import Value
from hptjax.glossary import Hparams
from hptjax.transpile.problem import Problem

TRIES = 64  # random points that a value is tried at, besides the smallest and the largest


@dataclass(frozen=True)
class Unbuildable:
    """Values of one static hparam with which no network was found; why: for the first of them."""

    name: str
    values: tuple[Value, ...]
    why: str

    def __str__(self) -> str:
        values = self.values
        whole = [value for value in values if type(value) is int]
        row = len(whole) > 2 and whole == [whole[0] + k for k in range(len(values))]
        shown = f"{whole[0]} .. {whole[-1]}" if row else _joined(values)
        return f"{self.name} {shown} ({self.why.rstrip('.')})"


def unbuildable(problem: Problem, *, seed: int = 0) -> list[Unbuildable]:
    """Returns the values of static hparams with which no network was found that can be built.

    Each value is tried at the smallest and the largest point of the space, and at TRIES random
    ones, always the same.
    """
    space = problem.space
    points: list[Hparams] = [space.decode(np.full(len(space), unit)) for unit in (0.0, 1.0)]
    points += space.sample(TRIES, np.random.default_rng(seed))
    found = []
    for name, values in problem.compiled_values().items():
        reasons = {value: _why(problem, points, name, value) for value in values}
        wrong = {value: why for value, why in reasons.items() if why is not None}
        if wrong:
            found.append(Unbuildable(name, tuple(wrong), next(iter(wrong.values()))))
    return found


def _why(problem: Problem, points: Sequence[Hparams], name: str, value: Value) -> str | None:
    """Returns why no network with this value can be built, None if one can, or none has it."""
    first = None
    for candidate in _candidates(problem, points, name, value):
        if candidate is None:
            return None
        first = first or candidate
    return first


def _candidates(
    problem: Problem, points: Sequence[Hparams], name: str, value: Value
) -> Iterator[str | None]:
    """Yields for each point, with this value there, why it cannot be built; None if it can."""
    for point in points:
        hparams = {**point, name: value}
        if name in problem.active(hparams):
            yield problem.repaired(hparams).infeasible


def _joined(values: Sequence[Value]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} or {last}" if most else last
