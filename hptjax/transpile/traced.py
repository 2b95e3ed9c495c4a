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

from hptjax.config.hparams import Target, cast
from hptjax.config.schema import ModelConfig
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

    def _ends(self, name: str) -> Sequence[ModelConfig]:
        """The base network with each choice of an hparam, or with either end of its range."""
        entry, target = self.problem.space[name], self.problem.targets[name]
        values = entry.choices if isinstance(entry, Categorical) else (entry.low, entry.high)
        owner = self._owners(target)
        others = {**self._feasible, **({owner[0]: owner[1][0]} if owner else {})}
        built = (self.problem.build({**others, name: value}).config for value in values)
        return [config for config in built if config is not None]

    def _owners(self, target: Target) -> tuple[str, list[Value]] | None:
        """Of an option of a part that is tuned: its key, and the choices that have the option."""
        if target.owner is None or target.owner[0] not in self.problem.space:
            return None
        key, word = target.owner
        choices = zip(values_of(self.problem.space[key]), self.problem.chosen[key], strict=True)
        return key, [choice for choice, own in choices if own.name == word]

    def members(self, points: Array, trials: Array) -> tuple[TracedHparams, Array]:
        """Traced hparams [P, ...] of points [P, D], and the body [P] of each.

        A point that cannot be built, or has a coordinate that is not a number, gets the body
        len(plan.bodies).
        """
        values = {
            name: decode(entry, points[:, k])
            for k, (name, entry) in enumerate(self.problem.space.items())
        }
        hparams = TracedHparams(self._numbers(values, len(points)), trials.astype(jnp.uint32))
        body = self._body_of(self._signature_of(values), hparams.numbers)
        return hparams, jnp.where(jnp.isnan(points).any(1), len(self.plan.bodies), body)

    @cached_property
    def _base(self) -> ModelConfig:
        """The base network, repaired; what is tuned in it does not matter."""
        return next(c for c in self._combinations if c is not None)

    @cached_property
    def _feasible(self) -> dict[str, Value]:
        """Hparams of the base."""
        found = zip(self._rows(), self._combinations, strict=True)
        return next(row for row, config in found if config is not None)

    def _rows(self) -> Iterator[dict[str, Value]]:
        """Hparams of each combination of static ones, the last name fastest; widths are largest."""
        values = self.problem.static_values()
        for row in itertools.product(*values.values()):
            yield {**self.problem.widest_hparams, **dict(zip(values, row, strict=True))}

    @cached_property
    def _combinations(self) -> list[ModelConfig | None]:
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

    def _signature_of(self, values: dict[str, Array]) -> Array:
        index = jnp.int32(0)
        for name, listed in self.problem.static_values().items():
            entry, place = self.problem.space[name], values[name]
            if isinstance(entry, Float):
                place = cast(place, "int", TRACED.floor) - cast(entry.low, "int")
            elif isinstance(entry, Integer):
                place = (place - entry.low) // entry.step
            index = index * len(listed) + place
        return jnp.asarray(self._signatures)[index]

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

    def _numbers(self, values: dict[str, Array], count: int) -> TracedNumbers:
        """The numbers [P, ...] of the networks: the base's, but those that are tuned."""
        base: dict[str, Any] = {}
        for config in filter(None, reversed(self._combinations)):
            base |= numbers_of(config, self.choices)
        base |= numbers_of(self._base, self.choices)
        columns = {name: jnp.full(count, own) for name, own in base.items()}
        targets = self.problem.targets.items()
        for name, target in sorted(targets, key=lambda pair: pair[1].owner is not None):
            if target.rule.kind == "static":
                continue
            active = self._active(target, values)
            for number, value in self._tuned(name, target, values[name]).items():
                chosen = value if active is None else jnp.where(active, value, columns[number])
                columns[number] = chosen
        return packed(columns, number_types(self.plan.bodies, self.choices), jnp)

    def _active(self, target: Target, values: dict[str, Array]) -> Array | None:
        """Where the part is chosen of which this is an option; None: everywhere."""
        owner = self._owners(target)
        if owner is None:
            return None
        places = [values_of(self.problem.space[owner[0]]).index(c) for c in owner[1]]
        return jnp.isin(values[owner[0]], jnp.array(places))

    def _tuned(self, name: str, target: Target, value: Array) -> dict[str, Array]:
        """What an hparam makes of the numbers: {name of the number: values [P]}."""
        if not isinstance(self.problem.space[name], Categorical):
            own = cast(value, target.rule.type, TRACED.floor)
            return {number: own for number in target.numbers}
        rows = [numbers_of(config, self.choices) for config in self._ends(name)]
        tuned = [
            number
            for number in rows[0]
            if number in target.numbers or len({row[number] for row in rows}) > 1
        ]
        return {number: jnp.asarray([row[number] for row in rows])[value] for number in tuned}


TRACED = Arithmetic(lambda x: jnp.floor(x).astype(jnp.int32), jnp.exp, jnp.minimum, jnp.maximum)


def decode(entry: Entry, u: Array) -> Array:
    """The values of an entry at u [P], clipped to [0, 1]; of choices their places."""
    value = entry.at(jnp.clip(u, 0, 1), TRACED)
    return jnp.clip(value, entry.low, entry.high) if isinstance(entry, Float) else value
