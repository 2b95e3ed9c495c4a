"""Trains a mixed population: each place runs one or several compiled programs an epoch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.augment import AugmentTree
from hptjax.data.dataset import ImageDataset
from hptjax.data.parts import warn
from hptjax.devices import available_cores
from hptjax.errors import ConfigError
from hptjax.models.signature import NetShape
from hptjax.models.variables import exact_variables
from hptjax.models.weights import exact_arrays
from hptjax.ops import native
from hptjax.population.compiled import (
    Call,
    DevicePrograms,
    preparing,
    spans_of,
    training,
)
from hptjax.population.epoch import MemberState, TracedHparams
from hptjax.population.execution import execution_for, rows_for
from hptjax.population.images import chosen_variants, dataset_arrays, fitted_to, room
from hptjax.population.logits import Functions, add_points
from hptjax.population.marked import PREFIX, MarkedWeights, marked_anew, marked_part
from hptjax.population.memory import is_exhausted
from hptjax.population.pack import Member, Placement, place, traced_hparams
from hptjax.population.places import places_for, side_by_side
from hptjax.population.plan import Plan
from hptjax.population.program import train_local
from hptjax.population.state_trees import by_leaf, by_place, gathered, scattered
from hptjax.records.metrics import in_order
from hptjax.settings import fixed_settings


@dataclass(frozen=True)
class PopulationState:
    """A population between two epochs: its members, its age, and the arrays of each place.

    marked: for each place, the weights from when its members were marked; None before any was
    marked.
    """

    members: tuple[Member, ...]
    age: int
    placement: Placement
    arrays: tuple[MemberState, ...]
    hparams: tuple[TracedHparams, ...]
    marked: tuple[MarkedWeights, ...] | None = None


class PopulationTrainer:
    """Trains any number of populations of a plan: holds the images and the compiled programs.

    Its methods map state to state; `hptjax.population.Population` carries the state along.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> images = hptjax.load_images("sample").take(range(160))
        >>> train, validation = hptjax.train_validation_split(images, seed=0)
        >>> trainer = hptjax.PopulationTrainer(hptjax.make_plan([model]), train, validation, seed=0)
        >>> state, metrics = trainer.epoch(trainer.start([hptjax.Member(model, key=0)]))
        >>> metrics["val_loss"].shape
        (1,)
    """

    def __init__(
        self,
        plan: Plan,
        train: ImageDataset,
        validation: ImageDataset,
        *,
        seed: int,
        horizon: int | None = None,
        measures: Sequence[str] = (),
        augment: AugmentTree = True,
        augment_validation: bool = False,
        images_per_epoch: int | None = None,
        devices: Sequence[Any] | None = None,
        lanes: int | None = None,
        functions: Functions | None = None,
        marks: bool = False,
        notify: Callable[[str], None] = warn,
    ) -> None:
        """Copies the images to the devices; compiles nothing yet.

        horizon: epochs of a fully trained network; learning rates are scheduled over them.
        measures: measures of the task to compute in addition to those that it always computes.
        functions: {curve: function} of a network's outputs [N, K] for the validation images and
        their targets [N, ...]; they are called after each epoch. augment: whether and how training
        images are augmented for networks whose config has no augment: [flip, {crop: 4}], see
        `config.augment`. augment_validation: augment the validation images, too. images_per_epoch:
        how many training images each epoch uses, other ones each time; by default all. devices:
        where rows are trained in parallel, see `places_for`. lanes: members trained side by side in
        one call; by default one on CPUs, elsewhere see `execution_for`. marks: whether members will
        be marked, for which memory is set apart. notify: is told if the members turn out to be too
        many for the memory, or if images must be resized to the size of the plan. Raises
        ConfigError if a batch is larger than an epoch, an epoch larger than the training set, and
        for a schedule or warm-up without a horizon.
        """
        chosen = chosen_variants(augment, plan.choices.augment, augment_validation)
        self.plan, self.seed = plan, seed
        self.epoch_images = train.size if images_per_epoch is None else images_per_epoch
        if horizon is None and plan.choices.scheduled:
            raise ConfigError(
                "horizon: must be given, the epochs of a fully trained network: a member's "
                "learning rate follows a schedule or a warm-up."
            )
        train, validation = fitted_to(plan, train, validation, notify, images_per_epoch)
        self.choices = plan.choices.fitted(train, measures, logits=bool(functions))
        self.places = places_for(devices, capacity=plan.capacity)
        self.functions = dict(functions or {})
        self._targets = validation.labels
        data = dataset_arrays(train, validation)
        self.execution = execution_for(
            self.places[0],
            plan,
            plan.capacity,
            places=len(self.places),
            lanes=lanes,
            images=room(data, chosen),
            marks=marks,
        )
        self.room = rows_for(
            self.places[0], plan, plan.capacity, len(self.places), self.execution, marks=marks
        )
        self._notify = notify
        self._fits: set[int] = set()  # bodies whose programs have run
        self._halved = False  # whether lanes were halved
        self._billed = self._compiling = 0.0
        self.seconds_per_price = 0.0  # as last measured, at the busiest place
        prepare = preparing(chosen, augment_validation, images_per_epoch)
        with fixed_settings():
            own = dict.fromkeys(self.places)
            threads = max(1, available_cores() // len(own))
            self.programs = {
                device: DevicePrograms(device, data, seed, prepare, horizon, threads)
                for device in own
            }

    @property
    def compilations(self) -> int:
        """The number of training programs compiled for a device, at most one per body."""
        return max(device.compilations for device in self.programs.values())

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling; devices compile at the same time."""
        return self._compiling + max(d.compile_seconds for d in self.programs.values())

    def unbilled_compile_seconds(self) -> float:
        """Returns the seconds spent compiling since the last call of this method."""
        before, self._billed = self._billed, self.compile_seconds
        return self._billed - before

    def start(self, members: Sequence[Member]) -> PopulationState:
        """Draws the initial weights of up to plan.capacity members.

        Raises ConfigError for a member that the plan does not cover.
        """
        with fixed_settings():
            placement, hparams = self._placed(members)
            rows: list[dict[int, tuple[int, NetShape]]] = [{} for _ in self.places]
            for where, body, member in zip(placement.rows, placement.bodies, members, strict=True):
                k, row = divmod(int(where), self.room)
                rows[k][row] = int(body), member.shape
            arrays: dict[int, MemberState] = {}
            for device, programs in self.programs.items():
                own = [k for k, place in enumerate(self.places) if place == device]
                given = [(hparams[k], rows[k]) for k in own]
                started = programs.start(self.plan.bodies, self.choices, given)
                arrays |= zip(own, started, strict=True)
        whole = tuple(arrays[k] for k in range(len(self.places)))
        return PopulationState(tuple(members), 0, placement, whole, hparams)

    def epoch(self, state: PopulationState) -> tuple[PopulationState, dict[str, np.ndarray]]:
        """Trains every member for one epoch; returns the new state and the metrics {name: [P]}.

        The arrays of the given state are used up (their memory is reused): go on with the returned
        state. If the memory does not suffice for the lanes, they are halved, and a new program
        trains the epoch.
        """
        spare = None
        while True:
            # The first run of a program shows whether it fits; even if it fails, it may use up its
            # input. Rows one after another cannot become fewer, and need no copy.
            new = not self._fits.issuperset(state.placement.bodies)
            if spare is None and new and self.execution.halved() is not None:
                spare = jax.tree.map(np.array, state.arrays)
            try:
                arrays, metrics = self._run(state)
                break
            except jax.errors.JaxRuntimeError as error:
                state = self._with_fewer_lanes(state, spare, error)
        self._fits.update(state.placement.bodies)
        rows = state.placement.rows
        values = {name: column[rows] for name, column in metrics.items()}
        add_points(self.functions, values, self._targets)
        return replace(state, arrays=arrays, age=state.age + 1), values

    def keep(self, state: PopulationState, chosen: Sequence[int]) -> PopulationState:
        """Returns the state of some members, dealt to the places again; compiles no training."""
        members = [state.members[k] for k in chosen]
        with fixed_settings():
            placement, hparams = self._placed(members)
            rows = np.zeros(self.room * len(self.places), np.int32)
            rows[placement.rows] = state.placement.rows[list(chosen)]
            parts = self._split(rows)
            arrays = self._moved(state.arrays, parts)
            marked = None if state.marked is None else self._moved(state.marked, parts)
        return PopulationState(tuple(members), state.age, placement, arrays, hparams, marked)

    def mark(self, state: PopulationState, chosen: Sequence[int]) -> PopulationState:
        """Marks some members: copies their present weights and statistics.

        The marked weights of the given state are used up: go on with the returned state. Compiles
        no training.
        """
        mask = np.zeros(self.room * len(self.places), bool)
        mask[state.placement.rows[list(chosen)]] = True
        with fixed_settings():
            marked = tuple(
                marked_anew(old, MarkedWeights.of(new), own)
                for old, new, own in zip(
                    self._marked_of(state), state.arrays, self._split(mask), strict=True
                )
            )
        return replace(state, marked=marked)

    def _marked_of(self, state: PopulationState) -> tuple[MarkedWeights, ...]:
        if state.marked is not None:
            return state.marked
        blank = map(MarkedWeights.blank, state.arrays)
        return tuple(self.programs[d].put(b) for d, b in zip(self.places, blank, strict=True))

    def variables(self, state: PopulationState, k: int, *, marked: bool = False) -> dict[str, Any]:
        """Returns the weights of member k at its exact shape, numpy arrays, as in its Flax module.

        marked: return the weights from when the member was marked last; it must have been marked.
        """
        member, (where, row) = state.members[k], divmod(int(state.placement.rows[k]), self.room)
        padded = self.plan.bodies[state.placement.bodies[k]]
        arrays = self._marked_of(state)[where] if marked else state.arrays[where]
        with fixed_settings():
            stored = jax.device_get((arrays.params[row], arrays.stats[row]))
        return exact_variables(member.config, exact_arrays(member.shape, padded, *stored))

    def snapshot(self, state: PopulationState) -> dict[str, np.ndarray]:
        """Returns all that training changed, {name: [P, ...]}, in the order of the members.

        Vectors have the layout of the exact shapes, and are filled up with zeros: programs of other
        bodies can restore them. Marked weights are included once there are any.
        """
        rows, bodies = state.placement.rows, [self.plan.bodies[b] for b in state.placement.bodies]
        shapes = [member.shape for member in state.members]
        out = gathered(state.arrays, rows, bodies, shapes)
        if state.marked is None:
            return out
        marks = gathered(state.marked, rows, bodies, shapes)
        return out | {PREFIX + name: values for name, values in marks.items()}

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> PopulationState:
        """Returns the state of a `snapshot` of these members, taken at this age."""
        with fixed_settings():
            placement, hparams = self._placed(members)
            program = self.programs[self.places[0]]
            empty = program.shapes(self.plan.bodies, self.choices, hparams[0])
        bodies = [self.plan.bodies[b] for b in placement.bodies]
        shapes = [member.shape for member in members]

        def filled(values: Mapping[str, np.ndarray], like: Any) -> tuple[Any, ...]:
            count = self.room * len(self.places)
            leaves = scattered(values, like, placement.rows, count, shapes, bodies)
            return by_place([self._split(leaf) for leaf in leaves], like)

        state, marks = filled(arrays, empty), marked_part(arrays)
        marked = filled(marks, MarkedWeights.of(empty)) if marks else None
        return PopulationState(tuple(members), age, placement, state, hparams, marked)

    def lower(self, members: Sequence[Member], platforms: Sequence[str]):
        """Lowers the epoch of a place for platforms ("cuda", "tpu"), without such a device.

        It holds all bodies, in one program.
        """
        epoch = jax.jit(partial(train_local, self.plan.bodies, self.choices, self.execution))
        with native.left_out(platforms), fixed_settings():
            state = self.start(members)
            call = self._calls(state)[0]
            counts = state.placement.counts[call.place : call.place + 1]
            traced = epoch.trace(call.carry[0], call.hparams, counts, call.images)
            return traced.lower(lowering_platforms=tuple(platforms))

    def _training(self, body: int) -> Any:
        lanes = self.execution.of_bodies(len(self.plan.bodies))
        return training(self.plan.bodies[body], self.choices, lanes[body])

    def _placed(self, members: Sequence[Member]) -> tuple[Placement, tuple[TracedHparams, ...]]:
        if not members:
            raise ConfigError("A population needs at least one member, got none.")
        lanes = self.execution.lanes
        placement = place(self.plan, members, len(self.places), lanes=lanes, room=self.room)
        rows = self.room * len(self.places)
        hparams = traced_hparams(self.plan, members, placement, rows)
        split = [self._split(leaf) for leaf in jax.tree.leaves(hparams)]
        return placement, by_place(split, hparams)

    def _run(self, state: PopulationState) -> tuple[tuple[MemberState, ...], dict[str, np.ndarray]]:
        """Returns the state and the metrics [rows] after an epoch.

        It waits until the epoch is done: only then is it known that the memory sufficed.
        """
        with fixed_settings():
            calls = self._calls(state)
        programs = self._programs(calls)
        done = side_by_side([partial(_called, programs, call) for call in calls])
        arrays = list(state.arrays)
        shape, first = (len(self.places), self.room), done[0][1]
        metrics = {
            name: np.full((*shape, *first[name].shape[1:]), np.nan, np.float32)
            for name in in_order(first)
        }
        for call, (new, values) in zip(calls, done, strict=True):
            arrays[call.place] = new
            for name, column in values.items():
                metrics[name][call.place] = column
        return tuple(arrays), {name: np.concatenate(column) for name, column in metrics.items()}

    def _calls(self, state: PopulationState) -> list[Call]:
        """Returns the calls of the places that have members."""
        busy = [k for k, counts in enumerate(state.placement.counts) if counts.any()]
        given = {d: self.programs[d].images(state.age) for d in {self.places[k] for k in busy}}
        outputs = self.plan.bodies[0].outputs
        calls = []
        for k in busy:
            device = self.programs[self.places[k]]
            carry = state.arrays[k], device.blank_metrics(self.choices, self.room, outputs)
            spans = device.put(spans_of(state.placement.counts[k]))
            calls.append(Call(k, carry, state.hparams[k], spans, given[self.places[k]]))
        return calls

    def _programs(self, calls: Sequence[Call]) -> dict[tuple[int, int], Callable]:
        """Returns the programs by place and body; compiles new ones in parallel."""
        devices = {call.place: self.places[call.place] for call in calls}
        needed = {
            (devices[call.place], body): (call.carry, call.hparams, span, call.images)
            for call in calls
            for body, span in call.spans.items()
        }
        make = [
            partial(self.programs[device].program, body, partial(self._training, body), args)
            for (device, body), args in needed.items()
        ]
        before, began = self.compilations, time.perf_counter()
        made = dict(zip(needed, side_by_side(make, available_cores()), strict=True))
        if self.compilations != before:
            self._compiling += time.perf_counter() - began
        return {(call.place, b): made[devices[call.place], b] for call in calls for b in call.spans}

    def _with_fewer_lanes(
        self, state: PopulationState, spare: Sequence[MemberState] | None, error: Exception
    ) -> PopulationState:
        """Returns the state to try again from; raises the error if fewer lanes are no remedy."""
        smaller = self.execution.halved()
        lost = any(leaf.is_deleted() for leaf in jax.tree.leaves(state.arrays))
        if not is_exhausted(error) or smaller is None or (lost and spare is None):
            raise error
        if not self._halved:
            self._notify(
                "The device's memory does not suffice to train so many members side by side:"
                " compiling anew with half as many, and again where that is still too many."
            )
        self.execution, self._halved = smaller, True
        self._fits.clear()
        for programs in self.programs.values():
            programs.forget()
        if spare is None or not lost:
            return state
        whole = zip(self.places, spare, strict=True)
        return replace(state, arrays=tuple(self.programs[d].put(part) for d, part in whole))

    def _split(self, whole: np.ndarray) -> tuple[Array, ...]:
        """Cuts an array [places * n, ...] into a part [n, ...] on each place's device."""
        parts = np.split(whole, len(self.places))
        return tuple(self.programs[d].put(p) for d, p in zip(self.places, parts, strict=True))

    def _moved(self, trees: Sequence[Any], rows: Sequence[Array]) -> tuple[Any, ...]:
        """Gives each place its rows [room] of the places' arrays."""
        # One array after another: each is gathered whole on every device.
        moved = [self._taken(leaves, rows) for leaves in by_leaf(trees)]
        return by_place(moved, trees[0])

    def _taken(self, parts: Sequence[Array], rows: Sequence[Array]) -> list[Array]:
        """Returns the rows [room] that each place gets of the places' arrays [room, ...]."""
        whole = {d: _joined(self.programs[d].put(list(parts))) for d in self.programs}
        return [_rows_of(whole[d], own) for d, own in zip(self.places, rows, strict=True)]


_joined = jax.jit(jnp.concatenate)
_rows_of = jax.jit(lambda array, rows: array[rows])


def _called(
    programs: Mapping[tuple[int, int], Callable], call: Call
) -> tuple[MemberState, Mapping[str, np.ndarray]]:
    """Runs a place's programs one after another; copies the metrics {name: [room]} to the host."""
    carry = call.carry
    with fixed_settings():
        for body, span in call.spans.items():
            carry = programs[call.place, body](carry, call.hparams, span, call.images)
        arrays, metrics = carry
        return arrays, jax.device_get(metrics)
