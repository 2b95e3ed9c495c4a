"""From points of the unit cube to members inside a compiled program: decode, cast, look up.

What `Problem.build` does for one candidate on the host, in float32 and for all members at once.
Only where a coordinate lies within rounding of the border between two values may the two differ.
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.schema import ModelConfig
from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.errors import ConfigError
from hptjax.models.forward import LayerHparams
from hptjax.models.signature import LayerChoices, choices_of, exact_body, signature_of, widths_of
from hptjax.population.epoch import TracedHparams
from hptjax.population.optimiser import AdamHparams
from hptjax.population.plan import Plan
from hptjax.transpile.problem import MAX_SIGNATURES, Problem
from hptjax.transpile.table import Target

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
    def choices(self) -> tuple[LayerChoices, ...]:
        """What the MLP layers of the space may be: all of it, where a plan has seen a sample."""
        out = list(choices_of([self._base]))
        for name, target in self._targets("mlp_config"):
            layer, entry = int(target.path[2]), self.problem.space[name]
            if target.rule.key == "activation_fun":
                names = tuple(sorted({self._computed(layer, choice) for choice in _list(entry)}))
                out[layer] = replace(out[layer], activations=names)
            elif target.rule.key == "batch_norm":
                out[layer] = replace(out[layer], norms=(False, True))
            elif target.rule.key == "dropout":
                out[layer] = replace(out[layer], dropout=True)
        return tuple(out)

    def members(self, points: Array, trials: Array) -> tuple[TracedHparams, Array]:
        """Traced hparams [P, ...] of points [P, D], and the body [P] of each.

        A point that cannot be built, or has a coordinate that is not a number, gets the body
        len(plan.bodies).
        """
        values = {
            name: decode(entry, points[:, k])
            for k, (name, entry) in enumerate(self.problem.space.items())
        }
        hparams = self._hparams(values, trials)
        body = self._body_of(self._signature_of(values), hparams)
        return hparams, jnp.where(jnp.isnan(points).any(1), len(self.plan.bodies), body)

    @cached_property
    def _base(self) -> ModelConfig:
        """The base network, repaired; what is tuned in it does not matter."""
        return next(c for c in self._combinations if c is not None)

    @cached_property
    def _combinations(self) -> list[ModelConfig | None]:
        """The widest network of each combination of static hparams, the last name fastest."""
        values = self.problem.static_values()
        if (count := math.prod(map(len, values.values()))) > MAX_SIGNATURES:
            raise ConfigError(
                f"a space inside a compiled program may have {MAX_SIGNATURES} combinations of "
                f"{', '.join(values)}, got {count}: give fewer choices, or use a study."
            )
        rows = (dict(zip(values, row, strict=True)) for row in itertools.product(*values.values()))
        found = [self.problem.build({**self.problem.widest_hparams, **row}).config for row in rows]
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

    def _targets(self, part: str) -> list[tuple[str, Target]]:
        return [(n, t) for n, t in self.problem.targets.items() if t.path[0] == part]

    def _computed(self, layer: int, activation: Any) -> str:
        """A last log-softmax is left to the loss."""
        last = layer == len(self._base.mlp_config.block_list) - 1
        return "none" if last and activation == "logsoftmax" else str(activation)

    def _signature_of(self, values: dict[str, Array]) -> Array:
        index = jnp.int32(0)
        for name, listed in self.problem.static_values().items():
            entry = self.problem.space[name]
            place = values[name] if isinstance(entry, Categorical) else _round(values[name])
            if isinstance(entry, Integer):
                place = (place - entry.low) // entry.step
            elif isinstance(entry, Float):
                place = place - math.floor(entry.low + 0.5)
            index = index * len(listed) + place
        return jnp.asarray(self._signatures)[index]

    def _body_of(self, signature: Array, hparams: TracedHparams) -> Array:
        """The cheapest body of the signature that holds the widths, as `Plan.body_of`."""
        bodies = self.plan.bodies
        firsts = [
            next(j for j, b in enumerate(bodies) if b.signature == x.signature) for x in bodies
        ]
        found = jnp.full(hparams.trial.shape, len(bodies), jnp.int32)
        for i in sorted(range(len(bodies)), key=lambda i: -self.plan.price.of_body(bodies[i])):
            widths = bodies[i].widths
            fits = (hparams.layers.channels <= jnp.array(widths.channels)).all(1)
            fits &= (hparams.layers.units <= jnp.array(widths.units)).all(1)
            found = jnp.where(fits & (signature == firsts[i]), i, found)
        return found

    def _hparams(self, values: dict[str, Array], trials: Array) -> TracedHparams:
        base, widths, count = self._base, widths_of(self._base), trials.shape
        layers = base.mlp_config.block_list

        def columns(key: str, start: list[Any], dtype: Any, part: str, shift: int = 0) -> Array:
            """[P, layers]: the base's numbers, but those that are tuned."""
            out = [jnp.full(count, value, dtype) for value in start]
            for name, target in self._targets(part):
                if target.rule.key == key:
                    place = int(target.path[2]) + shift
                    out[place] = self._cast(name, target, values[name]).astype(dtype)
            return jnp.stack(out, 1)

        def number(key: str) -> Array:
            tuned = self._targets(key)
            if not tuned:
                return jnp.full(count, getattr(base, key), jnp.float32)
            (name, target) = tuned[0]
            return self._cast(name, target, values[name]).astype(jnp.float32)

        activations = [
            choices.activations.index(name)
            for choices, name in zip(
                self.choices, base.mlp_config.computed_activations, strict=True
            )
        ]
        mlp = "mlp_config"
        norms = [layer.batch_norm for layer in layers]
        rates = [layer.dropout for layer in layers]
        return TracedHparams(
            optimiser=AdamHparams(
                *(number(key) for key in ("lr", "weight_decay", "beta_1", "beta_2"))
            ),
            layers=LayerHparams(
                batch_norm=columns("batch_norm", norms, bool, mlp),
                activation=columns("activation_fun", activations, jnp.int32, mlp),
                dropout=columns("dropout", rates, jnp.float32, mlp),
                units=columns("out_size", list(widths.units), jnp.int32, mlp),
                channels=columns(
                    "out_channels", list(widths.channels), jnp.int32, "resnet_config", shift=1
                ),
            ),
            trial=trials.astype(jnp.uint32),
        )

    def _cast(self, name: str, target: Target, value: Array) -> Array:
        """As `apply_hparams` casts; a choice becomes what it stands for."""
        entry, kind = self.problem.space[name], target.rule.type
        if isinstance(entry, Categorical):
            if kind == "text":
                layer = int(target.path[2])
                names = self.choices[layer].activations
                table = [names.index(self._computed(layer, choice)) for choice in entry.choices]
            else:
                table = [float(choice) for choice in entry.choices]
            value = jnp.asarray(table)[value]
        if kind == "bool":
            return value >= 0.5
        return _round(value) if kind == "int" else value


def decode(entry: Entry, u: Array) -> Array:
    """`Entry.from_unit`, traced: the values at u [P] (clipped), of choices their places."""
    u = jnp.clip(u, 0, 1)
    if isinstance(entry, Categorical):
        return jnp.minimum(jnp.floor(u * len(entry)), len(entry) - 1).astype(jnp.int32)
    if isinstance(entry, Integer) and not entry.log:
        index = jnp.minimum(jnp.floor(u * len(entry)), len(entry) - 1)
        return entry.low + index.astype(jnp.int32) * entry.step
    half = 0.5 if isinstance(entry, Integer) else 0.0
    low, high = entry.low - half, entry.high + half
    if entry.log and low < high:
        value = jnp.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    else:
        value = low + u * (high - low)
    value = jnp.clip(value, entry.low, entry.high)
    return _round(value) if isinstance(entry, Integer) else value


def _round(value: Array) -> Array:
    return jnp.floor(value + 0.5).astype(jnp.int32)


def _list(entry: Entry) -> tuple[Any, ...]:
    assert isinstance(entry, Categorical)  # a text needs its choices
    return tuple(entry.choices)
