"""A network, a space of its hparams, and its images; binds the names of hparams once."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hptjax.checks import is_number, plain
from hptjax.config.geometry import ImageSpec
from hptjax.config.hparams import PARTS, Target, bind, chosen_of
from hptjax.config.model import AnyModel
from hptjax.config.named import Part
from hptjax.entries import Categorical, Entry, Float, Value, values_of
from hptjax.errors import ConfigError
from hptjax.glossary import Hparams
from hptjax.grid import Grid, tree_of
from hptjax.models.signature import signature_of
from hptjax.records.change import Change
from hptjax.space import Space
from hptjax.transpile.apply import apply_bound
from hptjax.transpile.constraints import Constraints
from hptjax.transpile.owners import with_conditions
from hptjax.transpile.repair import Candidate, build

MAX_SIGNATURES = 32  # each costs seconds of compiling; rarer ones are compiled when they occur
MOST_COMBINATIONS = 4096  # combinations examined to find those that differ
NO_CONSTRAINTS = Constraints()
SAMPLES = 512  # random points that represent the space


@dataclass(frozen=True)
class Problem:
    """What is tuned: the hparams of a space, in a base network, for images of one size.

    Its space has the conditions that follow from the network: when each hparam is active.
    constraints: bounds that a network must keep to be trained. Raises ConfigError for a name that
    the network does not have.
    """

    base: AnyModel
    space: Space
    image: ImageSpec
    constraints: Constraints = NO_CONSTRAINTS

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", with_conditions(self.space, self.targets))

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """The place of each hparam of the space in the network."""
        return bind(self.space, self.base)

    @cached_property
    def chosen(self) -> Mapping[str, Sequence[Part]]:
        """The choices of each tuned part, in their order."""
        return chosen_in(self.space)

    def active(self, hparams: Hparams) -> Hparams:
        """Returns the hparams in their order, without inactive ones of the space.

        A part that they do not name is that of the base network.
        """
        if not self.space.conditions:
            return hparams
        found = self.space.active({**self._own_parts, **hparams})
        return {
            name: value
            for name, value in hparams.items()
            if name in found or name not in self.space
        }

    @cached_property
    def _own_parts(self) -> dict[str, Value]:
        """Returns for each tuned part a choice with the base network's word, if there is one."""
        entries = {key: self.space[key] for key in self.chosen}
        words = {key: [own.name for own in self.chosen[key]] for key in entries}
        own = {key: getattr(self.base, key).name for key in entries}
        return {
            key: values_of(entry)[words[key].index(own[key])]
            for key, entry in entries.items()
            if own[key] in words[key]
        }

    def build(self, hparams: Hparams) -> Candidate:
        """Returns the candidate of some hparams; ConfigError for a value that no network can take.

        A candidate that breaks a constraint is infeasible.
        """
        candidate, limits = self.repaired(hparams), self.constraints
        if not limits:
            return candidate
        if candidate.config is None:
            return replace(candidate, violations=(math.inf,) * len(limits.names))
        violations, broken = limits.violations(candidate.config), limits.broken(candidate.config)
        config = candidate.config if broken is None else None
        return Candidate(config, candidate.changes, broken, violations)

    def repaired(self, hparams: Hparams) -> Candidate:
        """Does what `build` does, but ignores the constraints."""
        taken, snaps = self._snapped(meant(hparams, self.space))
        config, casts = apply_bound(self.base, self.targets, taken)
        active = self.active(hparams)
        changes = (change for change in snaps + casts if change.path in active)
        return build(config, self.image, tuple(changes))

    def _snapped(self, hparams: Hparams) -> tuple[Hparams, tuple[Change, ...]]:
        """Moves hparams that snap to the nearest grid point; returns them and the changes."""
        taken, changes = dict(hparams), []
        for name, entry in self.space.items():
            value = plain(taken.get(name))
            if isinstance(entry, Categorical) or not entry.snap or not is_number(value):
                continue
            taken[name] = nearest = entry.nearest_point(value)
            if nearest != value:
                changes.append(Change(name, value, nearest, "the nearest grid point"))
        return taken, tuple(changes)

    def cover(self, *, seed: int = 0) -> list[AnyModel]:
        """Returns repaired configs that represent the whole space; always the same list.

        The widest network of each signature comes first, then random points. Of more than
        MAX_SIGNATURES signatures, only the most frequent are kept. Raises ConfigError if no point
        of the space can be built, or if none keeps the constraints.
        """
        drawn = self.space.sample(SAMPLES, np.random.default_rng(seed))
        rows = self._all_static() or self._seen_static(drawn)
        candidates = [self.repaired({**self.widest_hparams, **row}) for row in rows]
        candidates += map(self.build, drawn)
        built = (candidate.config for candidate in candidates)
        configs = list(dict.fromkeys(config for config in built if config is not None))
        if not configs:
            raise ConfigError(_none_fits(candidates, self.image))
        if self.constraints:
            _check_kept(candidates[-len(drawn) :])
        count = Counter(signature_of(config) for config in configs)
        kept = {signature for signature, _ in count.most_common(MAX_SIGNATURES)}
        return [config for config in configs if signature_of(config) in kept]

    def widest(self, config: AnyModel) -> AnyModel:
        """Returns a network of the same signature with every tuned width at its largest.

        If these do not fit together, as with a group norm, it returns the network itself.
        """
        widths = {name: self.widest_hparams[name] for name in self._names("width")}
        wide, _ = apply_bound(config, self.targets, meant(widths, self.space))
        repaired = build(wide, self.image).config
        return config if repaired is None else repaired

    @cached_property
    def widest_hparams(self) -> dict[str, Value]:
        """Returns hparams with every width at its largest; the others may have any value."""
        widths = self._names("width")
        return {
            name: max(entry.choices, key=entry.meaning)
            if name in widths and isinstance(entry, Categorical)
            else entry.from_unit(1.0)
            for name, entry in self.space.items()
        }

    def static_values(self) -> dict[str, Sequence[Value]]:
        """Returns all values of each static hparam."""
        return {name: self._static_values(name) for name in self._names("static")}

    def _static_values(self, name: str) -> Sequence[Value]:
        entry = self.space[name]
        if isinstance(entry, Float) and self.targets[name].type != "float":
            return _rounded(entry)
        return values_of(entry)

    def compiled_values(self) -> dict[str, Sequence[Value]]:
        """Returns the values of static hparams in networks: for one that snaps, its grid."""
        return {
            name: entry.points()
            if not isinstance(entry := self.space[name], Categorical) and entry.snap
            else values
            for name, values in self.static_values().items()
        }

    def combinations(self, values: Mapping[str, Sequence[Value]]) -> list[Hparams]:
        """Returns all combinations of static hparams that differ in something active, each once.

        values: of each static hparam. A combination also holds one value of each hparam that
        decides whether others are active. Raises ConfigError for more than MAX_SIGNATURES.
        """
        rows, size = self._distinct(values)
        if size > MAX_SIGNATURES:
            raise ConfigError(
                f"a space inside a compiled program may have {MAX_SIGNATURES} combinations of "
                f"{', '.join(values)}, got {size}: give fewer choices, or use a study."
            )
        return rows

    def _distinct(self, values: Mapping[str, Sequence[Value]]) -> tuple[list[Hparams], int]:
        """Returns the combinations and their number; no combinations if there are very many."""
        conditions, names = self.space.conditions, list(values)
        for name in names:  # grows by the hparams that decide
            parents = dict.fromkeys(own.parent for own in conditions.get(name, ()))
            names += [parent for parent in parents if parent not in names]
        columns = {name: values.get(name) or values_of(self.space[name]) for name in names[::-1]}
        own = {name: conditions[name] for name in columns if name in conditions}
        points = Grid(tuple(columns), tree_of(columns, own))
        if points.size > MOST_COMBINATIONS:
            return [], points.size
        rows: dict[tuple, Hparams] = {}
        for point in points:
            rows.setdefault(tuple((n, point[n]) for n in values if n in point), point)
        return list(rows.values()), len(rows)

    def _names(self, kind: str) -> list[str]:
        return [name for name, target in self.targets.items() if target.rule.kind == kind]

    def _all_static(self) -> list[Hparams]:
        """Returns all combinations of static hparams; none if there are too many."""
        values = self.compiled_values()
        if math.prod(map(len, values.values())) > MAX_SIGNATURES:
            rows, size = self._distinct(values)
            return rows if size <= MAX_SIGNATURES else []
        return [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]

    def _seen_static(self, drawn: list[dict[str, Value]]) -> Iterator[dict[str, Value]]:
        names = self._names("static")  # inactive ones may have any value
        seen = (tuple((n, hparams[n]) for n in names if n in hparams) for hparams in drawn)
        return map(dict, dict.fromkeys(seen))


def _none_fits(candidates: Sequence[Candidate], image: ImageSpec) -> str:
    """Returns the text of an error: no candidate can be built, and most often for this reason."""
    reasons = Counter(own.infeasible for own in candidates)
    [(reason, _)] = reasons.most_common(1)
    size = f"{image.height}x{image.width}"
    why = reason if len(reasons) == 1 else f"most often, {reason}"
    return f"No point of the space gives a network that fits the images of {size}: {why}"


def _check_kept(candidates: Sequence[Candidate]) -> None:
    """Raises ConfigError unless one of these candidates keeps the constraints."""
    nearest = min(candidates, key=lambda candidate: max(candidate.violations))
    if nearest.config is None:
        raise ConfigError(
            f"constraints: none of {len(candidates)} random networks of the space keeps them; of "
            f"the nearest one, {nearest.infeasible}."
        )


def chosen_in(space: Mapping[str, Entry | None]) -> dict[str, list[Part]]:
    """Returns the choices of each part in a space; ConfigError for an unknown part."""
    entries = ((key, space.get(key)) for key in PARTS)
    tuned = {key: entry for key, entry in entries if isinstance(entry, Categorical)}
    return {key: list(parts) for key, parts in chosen_of(tuned).items()}


def meant(hparams: Hparams, space: Mapping[str, Entry | None]) -> Hparams:
    """Returns the hparams with named choices replaced by what the names stand for."""
    named = {
        name: entry.meaning(hparams[name])
        for name, entry in space.items()
        if isinstance(entry, Categorical) and entry.meanings is not None and name in hparams
    }
    return {**hparams, **named} if named else hparams


def _rounded(entry: Float) -> range:
    """Returns the values of a static whole-number hparam whose entry is a real range."""
    return range(math.floor(entry.low + 0.5), math.floor(entry.high + 0.5) + 1)
