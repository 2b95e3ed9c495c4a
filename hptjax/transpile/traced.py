"""Turns points of the unit cube into members inside a compiled program: decode, cast, look up.

It does what `Problem.build` does for one candidate on the host, in float32 and for all members at
once. The two may differ only where a coordinate is within rounding of the border between two
values.
"""

import itertools
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.hparams import bind, cast
from hptjax.config.model import AnyModel, Model
from hptjax.entries import Arithmetic, Categorical, Entry, Float, Value, values_of
from hptjax.errors import ConfigError
from hptjax.glossary import Hparams
from hptjax.models.choices import Choices, choices_of
from hptjax.models.numbers import TracedNumbers, number_types, numbers_of, packed
from hptjax.models.signature import net_shape, signature_of, width_names
from hptjax.population.epoch import TracedHparams
from hptjax.population.plan import Plan
from hptjax.transpile.problem import Problem

NO_SIGNATURE = -1
SAMPLES = 128  # points tried on the host
_INACTIVE = -1


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
        self._check_feasible()

    def _check_feasible(self) -> None:
        """Raises ConfigError if any but static hparams decide whether a network can be built."""
        if not isinstance(self.problem.base, Model):
            return
        traced = {name: self.problem.widest_hparams[name] for name in self._traced}
        for hparams in self.problem.space.sample(SAMPLES, np.random.default_rng(0)):
            own, widest = map(self.problem.build, (hparams, {**hparams, **traced}))
            if (own.config is None) != (widest.config is None):
                raise ConfigError(
                    "inside a compiled program only static hparams may decide whether a network "
                    f"can be built; of others: {own.infeasible or widest.infeasible}"
                )

    @cached_property
    def _traced(self) -> list[str]:
        """The hparams that are not static, each after those that it depends on."""
        space, targets = self.problem.space, self.problem.targets
        return [name for name in space.parents_first if targets[name].kind != "static"]

    @cached_property
    def choices(self) -> Choices:
        """The choices of the networks of the space: all of them, where a plan has seen a sample."""
        ends = (own for name in self._traced for own in self._ends(name))
        return choices_of(filter(None, [*self._combinations, *itertools.chain.from_iterable(ends)]))

    def _ends(self, name: str) -> list[list[AnyModel | None]]:
        """Returns networks with each choice of an hparam, or with both ends of its range."""
        entry = self.problem.space[name]
        categorical = isinstance(entry, Categorical)
        return self._built(name, entry.choices if categorical else (entry.low, entry.high))

    def _built(self, name: str, values: Sequence[Value]) -> list[list[AnyModel | None]]:
        """Returns networks with each value of an hparam, None where there is none.

        There is one list for each set of other hparams beside which it changes something.
        """
        build = self.problem.build
        return [
            [build({**row, name: value}).config for value in values] for row in self._beside(name)
        ]

    def _beside(self, name: str) -> list[Hparams]:
        """Returns the fewest sets of hparams beside which a traced one sets all its numbers."""
        space, places = self.problem.space, self._places[name].keys()
        enabling = {n: v for n, v in self._enabling(name).items() if n in self._traced}
        layers = [
            set(number_types([net_shape(config)])) if config else set()
            for config in self._combinations
        ]
        missing, found = places & set().union(*layers), []
        for row, config, fields in zip(self._rows, self._combinations, layers, strict=True):
            hparams = space.active({**self.problem.widest_hparams, **row, **enabling})
            if config and name in hparams and (missing & fields or not found):
                found.append(hparams)
                missing -= fields
        return found

    @cached_property
    def _places(self) -> Mapping[str, Mapping[str, float]]:
        """The numbers that each traced hparam sets, and the factor of each.

        A layer that is a choice, which the base network may lack, may refer to the hparam.
        """
        found = {name: dict(self.problem.targets[name].places) for name in self._traced}
        for config in self._combinations if isinstance(self.problem.base, Model) else ():
            targets = bind(self.problem.space, config) if config else {}
            for name in found.keys() & targets.keys():
                found[name] |= dict(targets[name].places)
        return found

    def _enabling(self, name: str) -> dict[str, Value]:
        """Returns values of other hparams beside which this one is active."""
        out: dict[str, Value] = {}
        for condition in self.problem.space.conditions.get(name, ()):
            out |= self._enabling(condition.parent)
            out[condition.parent] = condition.values[0]
        return out

    def members(self, points: Array, trials: Array) -> tuple[TracedHparams, Array]:
        """Returns the traced hparams [P, ...] of points [P, D], and the body [P] of each.

        A point that cannot be built, or has a coordinate that is not a number, gets the body
        len(plan.bodies).
        """
        values = {
            name: snapped(entry, decode(entry, points[:, k]))
            for k, (name, entry) in enumerate(self.problem.space.items())
        }
        row = jnp.broadcast_to(self._combination(values), points.shape[:1])
        hparams = TracedHparams(self._numbers(values, row), trials.astype(jnp.uint32))
        body = self._body_of(jnp.asarray(self._signatures)[row], hparams.numbers)
        return hparams, jnp.where(jnp.isnan(points).any(1), len(self.plan.bodies), body)

    @cached_property
    def _rows(self) -> list[Hparams]:
        """The active static hparams of each combination."""
        return self.problem.combinations(self._static)

    @cached_property
    def _static(self) -> Mapping[str, Sequence[Value]]:
        return self.problem.compiled_values()

    @cached_property
    def _combinations(self) -> list[AnyModel | None]:
        """The widest network of each combination of static hparams."""
        widest = self.problem.widest_hparams
        rows = (self.problem.space.active({**widest, **row}) for row in self._rows)
        found = [self.problem.build(row).config for row in rows]
        if not any(found):
            raise ConfigError("no point of the space can be built: lower strides or pool_size.")
        return found

    @cached_property
    def _signatures(self) -> np.ndarray:
        """The first body of each combination's signature; NO_SIGNATURE: cannot be built."""
        out = np.full(len(self._combinations), NO_SIGNATURE)
        for k, config in enumerate(self._combinations):
            if config is None:
                continue
            if self.plan.body_of(net_shape(config)) is None:
                raise ConfigError(f"the plan has no body for {net_shape(config)}.")
            wanted = signature_of(config)
            out[k] = next(i for i, b in enumerate(self.plan.bodies) if b.signature == wanted)
        return out

    def _combination(self, values: dict[str, Array]) -> Array:
        """Returns the combination of static hparams of each point; inactive ones do not count."""
        rows, same = self._rows, jnp.ones((1, len(self._rows)), bool)
        for name, listed in self._static.items():
            own = values[name]
            places = [listed.index(row[name]) if name in row else _INACTIVE for row in rows]
            if not isinstance(self.problem.space[name], Categorical):
                kind = "float" if self.problem.targets[name].type == "float" else "int"
                numbers = jnp.array([cast(value, kind) for value in listed])
                own = cast(own, kind, TRACED.floor)
                own = jnp.argmin(jnp.abs(own[:, None] - numbers), 1)  # float32 may miss by a bit
            active = self._active(name, values)
            own = own if active is None else jnp.where(active, own, _INACTIVE)
            same &= own[:, None] == jnp.array(places)
        return jnp.argmax(same, 1)

    def _body_of(self, signature: Array, numbers: TracedNumbers) -> Array:
        """Returns the cheapest body of the signature that holds the widths; see `Plan.body_of`."""
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
        """Returns the numbers [P] of the networks: the base's, except for tuned ones.

        row: the combination [P] of each point, by which the numbers of missing layers differ.
        """
        built = [numbers_of(own, self.choices) if own else {} for own in self._combinations]
        columns: dict[str, Any] = {}
        for name in dict.fromkeys(itertools.chain.from_iterable(built)):
            known = [own[name] for own in built if name in own]
            if known.count(known[0]) == len(known):
                columns[name] = jnp.full(row.shape, known[0])
            else:
                columns[name] = jnp.asarray([own.get(name, 0) for own in built])[row]
        for name in self._traced:
            active = self._active(name, values)
            for number, value in self._tuned(name, values[name]).items():
                chosen = value if active is None else jnp.where(active, value, columns[number])
                columns[number] = chosen
        return packed(columns, number_types(self.plan.bodies), jnp)

    def _active(self, name: str, values: dict[str, Array]) -> Array | None:
        """Returns where an hparam is active [P] bool; None: everywhere."""
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

    def _tuned(self, name: str, value: Array) -> dict[str, Array]:
        """Returns the numbers that an hparam sets: {name of the number: values [P]}."""
        entry, target = self.problem.space[name], self.problem.targets[name]
        places, whole = self._places[name], target.type != "float"
        if isinstance(entry, Categorical):
            return self._looked_up(self._ends(name), places, value)
        own = cast(value, target.type, TRACED.floor)
        if whole and any(by % 1 for by in places.values()):  # each reference rounds by itself
            low, high = (cast(end, "int") for end in (entry.low, entry.high))
            networks = self._built(name, range(low, high + 1))
            return self._looked_up(networks, places, own - low)
        return {number: own if by == 1 else own * by for number, by in places.items()}

    def _looked_up(
        self, built: Sequence[Sequence[AnyModel | None]], places: Container[str], index: Array
    ) -> dict[str, Array]:
        """Returns the numbers that differ between networks, or are in places, by index [P]."""
        tables: dict[str, list[Any]] = {}
        for configs in built:
            rows = [numbers_of(config, self.choices) if config else {} for config in configs]
            for number in dict.fromkeys(itertools.chain.from_iterable(rows)):
                column = [row.get(number, 0) for row in rows]
                known = {row[number] for row in rows if number in row}
                if number in places or len(known) > 1:
                    tables.setdefault(number, column)
        return {number: jnp.asarray(table)[index] for number, table in tables.items()}


TRACED = Arithmetic(lambda x: jnp.floor(x).astype(jnp.int32), jnp.exp, jnp.minimum, jnp.maximum)


def decode(entry: Entry, u: Array) -> Array:
    """Returns the values of an entry at u [P], clipped to [0, 1]; for choices, their indices."""
    value = entry.at(jnp.clip(u, 0, 1), TRACED)
    return jnp.clip(value, entry.low, entry.high) if isinstance(entry, Float) else value


def snapped(entry: Entry, value: Array) -> Array:
    """Returns the nearest grid point, for an entry whose networks take no other value."""
    if isinstance(entry, Categorical) or not entry.snap:
        return value
    points = sorted(entry.points())
    middles = [
        math.sqrt(a * b) if entry.log else (a + b) / 2 for a, b in itertools.pairwise(points)
    ]
    return jnp.asarray(points)[jnp.searchsorted(jnp.asarray(middles, jnp.float32), value)]
