"""Trains a mixed population: each epoch a call or a few of compiled programs at each place."""

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
    """A population between two epochs: who is in it, its age, and the arrays of each place.

    marked: of each place, the weights that its members had when they were marked; None before any
    was.
    """

    members: tuple[Member, ...]
    age: int
    placement: Placement
    arrays: tuple[MemberState, ...]
    hparams: tuple[TracedHparams, ...]
    marked: tuple[MarkedWeights, ...] | None = None


class PopulationTrainer:
    """The images on the devices and the compiled programs of a plan, for any number of populations.

    Functions from state to state; `hptjax.population.Population` carries the state along.

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

        horizon: epochs of a fully trained network: learning rates are scheduled over them.
        measures: what of the task is measured beside that which it always is. functions: {curve:
        function} of each network's outputs [N, K] for the validation images and of their targets
        [N, ...], called after each epoch.
        augment: whether the training images of networks that say nothing themselves are augmented,
        or how: [flip, {crop: 4}], as `config.augment` has it. augment_validation: the validation
        images, too. images_per_epoch: of the training images how many each epoch goes through,
        others each time; by default all.
        devices: where rows are trained side by side, as `places_for` has it. lanes: members trained
        side by side in one call; by default one on CPU, elsewhere as `execution_for` has it.
        marks: whether members are going to be marked, for which memory is set apart.
        notify: told when they turn out to be too many for the memory. Images of another size than
        the plan's are resized, which notify is told, too. Raises ConfigError when a batch is larger
        than an epoch, an epoch than the training set, and for a schedule or warm-up without a
        horizon.
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
        self._fits: set[int] = set()  # bodies that have run
        self._halved = False  # lanes were too many
        self._billed = self._compiling = 0.0
        self.seconds_per_price = 0.0  # as last measured, of the place with the most to do
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
        """How many training programs were compiled for a device, at most one a body."""
        return max(device.compilations for device in self.programs.values())

    @property
    def compile_seconds(self) -> float:
        """Seconds of compiling; devices compile at the same time."""
        return self._compiling + max(d.compile_seconds for d in self.programs.values())

    def unbilled_compile_seconds(self) -> float:
        """Seconds of compiling since this was last asked."""
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
        """Trains every member for one epoch; metrics {name: [P]}.

        The arrays of the state given are used up (their memory is reused); go on with the state
        returned. Where the memory does not suffice for the lanes, they are halved, and the epoch is
        done by a new program.
        """
        spare = None
        while True:
            # The first run of a program shows whether it fits, and may use up what it is given even
            # if it fails. Rows one after another cannot become fewer, and need no copy.
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
        """The state of some members only, dealt to the places anew; compiles no training."""
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
        """Copies the present weights and statistics of some members to where marked ones lie.

        The marked weights of the state given are used up; go on with the state returned. Compiles
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
        """Weights of member k at its exact shape, numpy arrays named as its Flax module's.

        marked: those that it had when it was marked last, of one that was.
        """
        member, (where, row) = state.members[k], divmod(int(state.placement.rows[k]), self.room)
        padded = self.plan.bodies[state.placement.bodies[k]]
        arrays = self._marked_of(state)[where] if marked else state.arrays[where]
        with fixed_settings():
            stored = jax.device_get((arrays.params[row], arrays.stats[row]))
        return exact_variables(member.config, exact_arrays(member.shape, padded, *stored))

    def snapshot(self, state: PopulationState) -> dict[str, np.ndarray]:
        """All that training changed, {name: [P, ...]}, in the order of the members.

        Vectors are those of the exact shapes, filled up with zeros: programs of other bodies can
        restore them. Marked weights are in it, once there are any.
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
        """The state of a `snapshot` of these members, taken at this age."""
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
        """The epoch of a place, lowered for platforms ("cuda", "tpu") without such a device.

        All bodies are in it, as one program.
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
        """The state and the metrics [rows] after an epoch.

        Waits until the epoch is done: only then is it known that the memory sufficed.
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
        """Of the places that have members."""
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
        """By place and body; what no call before needed is compiled, side by side."""
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
        """The state to try again from; raises the error where that is no remedy."""
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
        """An array [places * n, ...] as a part [n, ...] on each place's device."""
        parts = np.split(whole, len(self.places))
        return tuple(self.programs[d].put(p) for d, p in zip(self.places, parts, strict=True))

    def _moved(self, trees: Sequence[Any], rows: Sequence[Array]) -> tuple[Any, ...]:
        """The places' arrays with the rows [room] that each place gets of them all."""
        # One array after another: each is gathered whole on every device.
        moved = [self._taken(leaves, rows) for leaves in by_leaf(trees)]
        return by_place(moved, trees[0])

    def _taken(self, parts: Sequence[Array], rows: Sequence[Array]) -> list[Array]:
        """The rows [room] that each place gets of the places' arrays [room, ...]."""
        whole = {d: _joined(self.programs[d].put(list(parts))) for d in self.programs}
        return [_rows_of(whole[d], own) for d, own in zip(self.places, rows, strict=True)]


_joined = jax.jit(jnp.concatenate)
_rows_of = jax.jit(lambda array, rows: array[rows])


def _called(
    programs: Mapping[tuple[int, int], Callable], call: Call
) -> tuple[MemberState, Mapping[str, np.ndarray]]:
    """What a place's programs give, one after another; the metrics {name: [room]} on the host."""
    carry = call.carry
    with fixed_settings():
        for body, span in call.spans.items():
            carry = programs[call.place, body](carry, call.hparams, span, call.images)
        arrays, metrics = carry
        return arrays, jax.device_get(metrics)
