"""A whole search inside one compiled call: an evosax problem whose points are networks."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.problems import Problem as EvosaxProblem
from flax import struct
from jax import Array, lax
from jax.core import Tracer

from hptjax.config.augment import AugmentTree, Variants
from hptjax.config.model import AnyModel, is_augmented
from hptjax.data.channels import spec_of
from hptjax.data.dataset import ImageDataset
from hptjax.data.resize import fitted_pair
from hptjax.errors import ConfigError
from hptjax.models.choices import Choices
from hptjax.models.keys import root_key
from hptjax.models.signature import NetShape, Widths, width_names
from hptjax.population.epoch import TracedHparams
from hptjax.population.execution import Execution, execution_for, rows_for
from hptjax.population.images import (
    DatasetArrays,
    chosen_variants,
    dataset_arrays,
    epoch_input,
    fitted_to,
    room,
)
from hptjax.population.measuring import metric_names
from hptjax.population.pack import placed
from hptjax.population.places import places_for, side_by_side
from hptjax.population.plan import Plan, make_plan
from hptjax.population.program import init_local, train_local
from hptjax.search.generation import trial_key
from hptjax.settings import fixed_settings
from hptjax.space import Space
from hptjax.study.metrics import check_comparable
from hptjax.transpile.problem import Problem
from hptjax.transpile.traced import TracedProblem


@struct.dataclass
class State:
    """counter: generations evaluated so far; data: the images on the device."""

    counter: Array
    data: DatasetArrays


@dataclass(frozen=True)
class _Program:
    """The key of a problem's compiled program: equal keys share a program.

    images: the bytes of all copies of the images. identity: base, ordered space and image size,
    from which `traced` is made.
    """

    identity: tuple[Any, ...]
    traced: TracedProblem = field(compare=False)
    choices: Choices
    epochs: int
    augment: Variants
    images: int
    device: Any

    @classmethod
    def of(cls, problem: Problem, plan: Plan, **settings: Any) -> "_Program":
        # by their text, since 1 == 1.0 == True
        entries = tuple((name, repr(entry)) for name, entry in problem.space.items())
        identity = problem.base, entries, problem.image, plan
        return cls(identity, TracedProblem(problem, plan), **settings)

    def execution(self, count: int, places: int) -> Execution:
        """How each of the places trains its share of a generation."""
        plan, images = self.traced.plan, self.images
        return execution_for(self.device, plan, count, places=places, images=images)


class PopulationProblem(EvosaxProblem):
    """Evaluates points of the unit cube by training their networks, also within jit.

    `eval` decodes points [P, D], packs the networks, trains them for some epochs and returns their
    validation loss [P] after the last (inf where a network diverges or cannot be built), the next
    state and the metrics {name: [epochs, P]}. It is pure: ask, eval and tell can run in one jitted
    scan.

    Called by itself, `eval` deals the networks to all cores or accelerators; on CPUs, no number
    depends on how many cores there are. Within a caller's jit, scan or vmap one device trains all
    networks, for a program on one device cannot call others: one member after another on CPU, side
    by side elsewhere. The numbers are then the same up to rounding. Problems that differ only in
    seed, label and content of the images share a compilation.

    Example:
        >>> import hptjax, jax, jax.numpy as jnp
        >>> images = hptjax.load_images("sample").take(range(160))
        >>> model = hptjax.Model(layers=["flatten", "head"], batch_size=32)
        >>> space = hptjax.Space({"lr": hptjax.loguniform(1e-3, 1e-1)})
        >>> parts = hptjax.train_validation_split(images, seed=0)
        >>> problem = hptjax.PopulationProblem(model, space, *parts)
        >>> key = jax.random.key(0)
        >>> losses, state, curves = problem.eval(key, jnp.array([[0.2], [0.8]]), problem.init(key))
        >>> losses.shape
        (2,)
    """

    def __init__(
        self,
        base: AnyModel,
        space: Space,
        train: ImageDataset,
        validation: ImageDataset,
        *,
        epochs: int = 1,
        seed: int = 0,
        augment: AugmentTree | None = None,
        label: str = "des",
        plan: Plan | None = None,
        devices: Sequence[Any] | None = None,
    ) -> None:
        """label: the networks get the random keys of a study's strategy with this label and seed.

        augment, devices: as in `evaluate_population`. plan: the bodies to compile; None: a study's
        bodies. Raises ConfigError for a space or images that do not fit the network, as a study
        does.
        """
        if epochs < 1:
            raise ConfigError(f"epochs must be at least 1, got {epochs}.")
        size = base.size_for(train.image_shape)
        train, validation = fitted_pair(train, validation, *size)
        problem = Problem(base, space, spec_of(train, train.num_classes))
        check_comparable(["val_loss"], problem.targets, base.task.options)
        plan = make_plan(problem.cover()) if plan is None else plan
        train, validation = fitted_to(plan, train, validation)
        self._data, self._places = dataset_arrays(train, validation), places_for(devices)
        choices = TracedProblem(problem, plan).choices
        augment = is_augmented([base]) if augment is None else augment
        chosen = chosen_variants(augment, choices.augment, augment_validation=False)
        self._program = _Program.of(
            problem,
            plan,
            choices=choices.fitted(train),
            epochs=epochs,
            augment=chosen,
            images=room(self._data, chosen),
            device=self._places[0],
        )
        self._dims, self._seed, self._first = len(space), seed, trial_key(label, 0)

    @property
    def num_dims(self) -> int:
        return self._dims

    def init(self, key: Array) -> State:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The state before the first generation; the key has no effect."""
        return State(jnp.uint32(0), jax.tree.map(jnp.asarray, self._data))

    def sample(self, key: Array) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A uniform point [D]."""
        return jax.random.uniform(key, (self.num_dims,))

    def eval(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, key: Array, solutions: Array, state: State
    ) -> tuple[Array, State, Mapping[str, Array]]:
        """Fitness [P], the next state and the metrics of points [P, D]; the key has no effect.

        The random keys of a network derive from the seed and from its number in the search.
        """
        _check_settings()
        traced = any(isinstance(x, Tracer) for x in jax.tree.leaves((solutions, state)))
        with nullcontext() if traced else fixed_settings():
            study_key, first = root_key(self._seed), jnp.uint32(self._first)
            if traced:
                return _evaluated(self._program, solutions, state, study_key, first)
            return self._at_places(jnp.asarray(solutions), state, study_key, first)

    def _at_places(
        self, solutions: Array, state: State, study_key: Array, first: Array
    ) -> tuple[Array, State, Mapping[str, Array]]:
        """Does what `_evaluated` does, by one call for each place, all at the same time."""
        program, count = self._program, len(solutions)
        plan, places = program.traced.plan, self._places[:count]
        hparams, body = jax.device_get(_decoded(program, solutions, state.counter, first))
        fit = np.flatnonzero(body < len(plan.bodies))
        shapes = [_shape_of(plan, body[k], hparams.numbers, k) for k in fit.tolist()]
        execution = program.execution(count, len(places))
        rows = rows_for(places[0], plan, count, len(places), execution)
        placement = placed(
            plan, body[fit].tolist(), shapes, fit.tolist(), len(places), execution.lanes, rows
        )
        source = np.zeros(rows * len(places), int)  # rows without a member repeat the first one
        source[placement.rows] = fit
        data = {d: jax.device_put((state.data, study_key), d) for d in dict.fromkeys(places)}
        busy = [k for k, own in enumerate(placement.counts) if own.any()]

        def train(k: int) -> Mapping[str, np.ndarray]:
            own = jax.tree.map(lambda t: t[source[k * rows :][:rows]], hparams)
            given = jax.device_put((own, placement.counts[k : k + 1]), places[k])
            with fixed_settings():
                return jax.device_get(_trained(program, execution, *given, *data[places[k]]))

        curves = {
            name: np.full((program.epochs, count), np.nan, np.float32)
            for name in metric_names(program.choices)
        }
        for k, found in zip(busy, side_by_side([partial(train, k) for k in busy]), strict=True):
            own = placement.rows // rows == k
            for name, curve in found.items():
                curves[name][:, fit[own]] = curve[:, placement.rows[own] % rows]
        return _answer(jax.tree.map(jnp.asarray, curves), state)


def _shape_of(plan: Plan, body: int, numbers: Mapping[str, np.ndarray], k: int) -> NetShape:
    """The net shape of member k; numbers: {name: [P]} with the widths."""
    signature = plan.bodies[body].signature
    return NetShape(signature, Widths(tuple(int(numbers[n][k]) for n in width_names(signature))))


@partial(jax.jit, static_argnames="program")
def _evaluated(
    program: _Program, solutions: Array, state: State, study_key: Array, first: Array
) -> tuple[Array, State, Mapping[str, Array]]:
    """Does what `PopulationProblem.eval` does; first: the key of the search's first network.

    JAX keeps the compiled code, and with it the static program, until `jax.clear_caches`.
    """
    hparams, body = _decoded(program, solutions, state.counter, first)
    order, bodies = jnp.argsort(body, stable=True), program.traced.plan.bodies
    rows = jax.tree.map(lambda t: t[order], hparams)
    counts = jnp.bincount(body, length=len(bodies) + 1)[None, : len(bodies)]
    execution = program.execution(len(solutions), 1)
    metrics = _trained(program, execution, rows, counts, state.data, study_key)
    curves = {
        name: jnp.zeros_like(curve).at[:, order].set(curve) for name, curve in metrics.items()
    }
    return _answer(curves, state)


def _answer(curves: Mapping[str, Array], state: State) -> tuple[Array, State, Mapping[str, Array]]:
    """The result of `PopulationProblem.eval` for the metrics {name: [epochs, P]}."""
    loss = curves["val_loss"][-1]
    fitness = jnp.where(jnp.isfinite(loss), loss, jnp.inf)
    return fitness, State(state.counter + 1, state.data), curves


@partial(jax.jit, static_argnames="program")
def _decoded(
    program: _Program, solutions: Array, counter: Array, first: Array
) -> tuple[TracedHparams, Array]:
    """Traced hparams [P, ...] and body [P] of a generation's points [P, D]."""
    count = len(solutions)
    trials = first + counter * count + jnp.arange(count, dtype=jnp.uint32)
    return program.traced.members(solutions, trials)


@partial(jax.jit, static_argnames=("program", "execution"))
def _trained(
    program: _Program,
    execution: Execution,
    rows: TracedHparams,
    counts: Array,
    data: DatasetArrays,
    study_key: Array,
) -> Mapping[str, Array]:
    """The metrics {name: [epochs, rows]} of one place; counts: [1, bodies], as in `train_local`."""
    bodies, choices = program.traced.plan.bodies, program.choices
    start = init_local(bodies, choices, rows, counts, study_key)
    train = partial(train_local, bodies, choices, execution)

    def epoch(members: Any, age: Array):
        given = epoch_input(data, study_key, age, program.augment, False)
        given = given._replace(horizon=jnp.float32(program.epochs))
        return train(members, rows, counts, given)

    return lax.scan(epoch, start, jnp.arange(program.epochs, dtype=jnp.uint32))[1]


def _check_settings() -> None:
    """Raises ConfigError unless the caller's settings, under which its program is compiled, fit."""
    if not jax.config.values["jax_threefry_partitionable"]:
        raise ConfigError(
            "PopulationProblem needs jax_threefry_partitionable=True, JAX's default: without it "
            "padding would change the random numbers of a network."
        )
    if jax.config.values["jax_enable_x64"]:
        raise ConfigError(
            "PopulationProblem trains in float32, and jax_enable_x64 is on: call it within "
            "jax.enable_x64(False)."
        )
