"""From points of the unit cube to members inside a compiled program: decode, cast, look up.

What `Problem.build` does for one candidate on the host, in float32 and for all members at once.
Only where a coordinate lies within rounding of the border between two values may the two differ.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.conditions import parents_first
from hptjax.config.hparams import Target, cast
from hptjax.config.model import AnyModel
from hptjax.entries import Arithmetic, Categorical, Entry, Float, Integer, Value, values_of
from hptjax.errors import ConfigError
from hptjax.models.choices import Choices, choices_of
from hptjax.models.numbers import TracedNumbers, number_types, numbers_of, packed
from hptjax.models.signature import exact_body, signature_of, width_names
from hptjax.population.epoch import TracedHparams
from hptjax.population.plan import Plan
from hptjax.transpile.problem import MAX_SIGNATURES, Problem

NO_SIGNATURE = -1


@dataclass(frozen=True, eq=False)
class TracedProblem:
    """A problem and the plan of the program that trains its candidates.

    Raises ConfigError when the space has more than MAX_SIGNATURES combinations of static hparams,
    or the plan lacks a signature of it.
    """

    problem: Problem
    plan: Plan

    def __post_init__(self) -> None:
        _ = self._signatures

    @cached_property
    def choices(self) -> Choices:
        """What the networks of the space may have: all of it, where a plan has seen a sample."""
        ends = (self._ends(name) for name in self.problem.space)
        return choices_of([*filter(None, self._combinations), *itertools.chain.from_iterable(ends)])

    def _ends(self, name: str) -> Sequence[AnyModel]:
        """The base network with each choice of an hparam, or with either end of its range."""
        entry = self.problem.space[name]
        values = entry.choices if isinstance(entry, Categorical) else (entry.low, entry.high)
        others = {**self._feasible, **self._enabling(name)}
        built = (self.problem.build({**others, name: value}).config for value in values)
        return [config for config in built if config is not None]

    def _enabling(self, name: str) -> dict[str, Value]:
        """Values of other hparams beside which this one means something."""
        out: dict[str, Value] = {}
        for condition in self.problem.space.conditions.get(name, ()):
            out |= self._enabling(condition.parent)
            out[condition.parent] = condition.values[0]
        return out

    def members(self, points: Array, trials: Array) -> tuple[TracedHparams, Array]:
        """Traced hparams [P, ...] of points [P, D], and the body [P] of each.

        A point that cannot be built, or has a coordinate that is not a number, gets the body
        len(plan.bodies).
        """
        values = {
            name: decode(entry, points[:, k])
            for k, (name, entry) in enumerate(self.problem.space.items())
        }
        row = jnp.broadcast_to(self._combination(values), points.shape[:1])
        hparams = TracedHparams(self._numbers(values, row), trials.astype(jnp.uint32))
        body = self._body_of(jnp.asarray(self._signatures)[row], hparams.numbers)
        return hparams, jnp.where(jnp.isnan(points).any(1), len(self.plan.bodies), body)

    @cached_property
    def _feasible(self) -> dict[str, Value]:
        """Hparams of a network that can be built; what is tuned in it does not matter."""
        found = zip(self._rows(), self._combinations, strict=True)
        return next(row for row, config in found if config is not None)

    def _rows(self) -> Iterator[dict[str, Value]]:
        """Hparams of each combination of static ones, the last name fastest; widths are largest."""
        values = self.problem.static_values()
        for row in itertools.product(*values.values()):
            yield {**self.problem.widest_hparams, **dict(zip(values, row, strict=True))}

    @cached_property
    def _combinations(self) -> list[AnyModel | None]:
        """The widest network of each combination of static hparams."""
        values = self.problem.static_values()
        if (count := math.prod(map(len, values.values()))) > MAX_SIGNATURES:
            raise ConfigError(
                f"a space inside a compiled program may have {MAX_SIGNATURES} combinations of "
                f"{', '.join(values)}, got {count}: give fewer choices, or use a study."
            )
        found = [self.problem.build(row).config for row in self._rows()]
        if not any(found):
            raise ConfigError("no point of the space can be built: lower strides or pool_size.")
        return found

    @cached_property
    def _signatures(self) -> np.ndarray:
        """Of each combination the first body of its signature; NO_SIGNATURE: cannot be built."""
        out = np.full(len(self._combinations), NO_SIGNATURE)
        for k, config in enumerate(self._combinations):
            if config is None:
                continue
            if self.plan.body_of(exact_body(config)) is None:
                raise ConfigError(f"the plan has no body for {exact_body(config)}.")
            wanted = signature_of(config)
            out[k] = next(i for i, b in enumerate(self.plan.bodies) if b.signature == wanted)
        return out

    def _combination(self, values: dict[str, Array]) -> Array:
        """Which combination of static hparams each point has."""
        index = jnp.int32(0)
        for name, listed in self.problem.static_values().items():
            entry, place = self.problem.space[name], values[name]
            if isinstance(entry, Float):
                place = cast(place, "int", TRACED.floor) - cast(entry.low, "int")
            elif isinstance(entry, Integer):
                place = (place - entry.low) // entry.step
            index = index * len(listed) + place
        return index

    def _body_of(self, signature: Array, numbers: TracedNumbers) -> Array:
        """The cheapest body of the signature that holds the widths, as `Plan.body_of`."""
        bodies = self.plan.bodies
        firsts = [
            next(j for j, b in enumerate(bodies) if b.signature == x.signature) for x in bodies
        ]
        found = jnp.full(signature.shape, len(bodies), jnp.int32)
        for i in sorted(range(len(bodies)), key=lambda i: -self.plan.price.of_body(bodies[i])):
            widths = bodies[i].widths
            fits = signature == firsts[i]
            for name, width in zip(width_names(bodies[i].signature), widths.values, strict=True):
                fits &= numbers[name] <= width
            found = jnp.where(fits, i, found)
        return found

    def _numbers(self, values: dict[str, Array], row: Array) -> TracedNumbers:
        """The numbers [P] of the networks: the base's, but those that are tuned.

        row: the combination [P] of each, by which those of layers that are not there differ.
        """
        built = [numbers_of(own, self.choices) if own else {} for own in self._combinations]
        columns: dict[str, Any] = {}
        for name in dict.fromkeys(itertools.chain.from_iterable(built)):
            known = [own[name] for own in built if name in own]
            if known.count(known[0]) == len(known):
                columns[name] = jnp.full(row.shape, known[0])
            else:
                columns[name] = jnp.asarray([own.get(name, 0) for own in built])[row]
        order = parents_first(self.problem.space, self.problem.space.conditions)
        for name, target in ((name, self.problem.targets[name]) for name in order):
            if target.kind == "static":
                continue
            active = self._active(name, values)
            for number, value in self._tuned(name, target, values[name]).items():
                chosen = value if active is None else jnp.where(active, value, columns[number])
                columns[number] = chosen
        return packed(columns, number_types(self.plan.bodies, self.choices), jnp)

    def _active(self, name: str, values: dict[str, Array]) -> Array | None:
        """Where an hparam means something [P] bool; None: everywhere."""
        found = None
        for condition in self.problem.space.conditions.get(name, ()):
            parent, entry = condition.parent, self.problem.space[condition.parent]
            wanted = [
                k if isinstance(entry, Categorical) else value
                for k, value in enumerate(values_of(entry))
                if condition.holds(value)
            ]
            here = jnp.isin(values[parent], jnp.array(wanted))
            for other in (found, self._active(parent, values)):
                here = here if other is None else here & other
            found = here
        return found

    def _tuned(self, name: str, target: Target, value: Array) -> dict[str, Array]:
        """What an hparam makes of the numbers: {name of the number: values [P]}."""
        places = dict(target.places)
        if not isinstance(self.problem.space[name], Categorical):
            own = cast(value, target.type, TRACED.floor)
            return {number: own if by == 1 else own * by for number, by in places.items()}
        rows = [numbers_of(config, self.choices) for config in self._ends(name)]
        tuned = [
            number
            for number in rows[0]
            if number in places or len({row.get(number) for row in rows}) > 1
        ]
        return {number: jnp.asarray([row[number] for row in rows])[value] for number in tuned}


TRACED = Arithmetic(lambda x: jnp.floor(x).astype(jnp.int32), jnp.exp, jnp.minimum, jnp.maximum)


def decode(entry: Entry, u: Array) -> Array:
    """The values of an entry at u [P], clipped to [0, 1]; of choices their places."""
    value = entry.at(jnp.clip(u, 0, 1), TRACED)
    return jnp.clip(value, entry.low, entry.high) if isinstance(entry, Float) else value
