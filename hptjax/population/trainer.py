"""Trains a mixed population: one compiled call per epoch, sharded over the devices."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hptjax.data.augment import augment as augment_images
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.models.keys import root_key
from hptjax.models.signature import Body
from hptjax.models.variables import exact_variables
from hptjax.models.weights import exact_arrays, laid_out, layouts
from hptjax.ops import native
from hptjax.population.epoch import MemberState, Metrics, TracedHparams
from hptjax.population.execution import execution_for
from hptjax.population.images import dataset_arrays, epoch_input
from hptjax.population.memory import is_exhausted
from hptjax.population.pack import Member, Placement, place, traced_hparams
from hptjax.population.plan import Plan
from hptjax.population.program import init_local, take_rows, train_local

P, ALL = PartitionSpec("population"), PartitionSpec()


@dataclass(frozen=True)
class PopulationState:
    """A population between two epochs: who is in it, its age, and all arrays on the devices."""

    members: tuple[Member, ...]
    age: int
    placement: Placement
    arrays: MemberState
    hparams: TracedHparams
    counts: Array


class PopulationTrainer:
    """The images on the devices and the compiled program of a plan, for any number of populations.

    Functions from state to state; `hptjax.population.Population` carries the state along.
    """

    def __init__(
        self,
        plan: Plan,
        train: ImageDataset,
        validation: ImageDataset,
        *,
        seed: int,
        augment: bool = True,
        augment_validation: bool = False,
        devices: Sequence[Any] | None = None,
        lanes: int | None = None,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        """Copies the images to the devices (default: all local ones); compiles nothing yet.

        lanes: members trained side by side on one device; by default one on CPU, elsewhere as
        `execution_for` has it. notify: told when they turn out to be too many for the memory.
        Raises ConfigError when images and plan disagree in size, or a batch is larger than the
        training set.
        """
        self.plan, self.seed, self.train_size = plan, seed, train.size
        devices = list(devices or jax.local_devices())[: plan.capacity]
        check_images(plan, train, validation)
        self.mesh = Mesh(np.array(devices), ("population",))
        room = -(-plan.capacity // len(devices))
        self.rows = room * len(devices)
        data = dataset_arrays(train, validation)
        self.execution = execution_for(devices[0], plan, room, lanes=lanes, images=data.nbytes)
        self._notify = notify
        self._fits, self._halved = False, False  # the program has run once; its lanes were too many
        self.compilations, self.compile_seconds = 0, 0.0
        self.seconds_per_price = 0.0  # as last measured, of the device with the most to do
        self._augment = augment_images if augment else None
        self._augment_validation = augment_validation
        self._data = self._replicate(data)
        self._study_key = self._replicate(root_key(seed))
        self._program: Callable | None = None
        sharded = NamedSharding(self.mesh, P)
        self._init = jax.jit(
            jax.shard_map(
                partial(init_local, plan.bodies),
                mesh=self.mesh,
                in_specs=(P, P, ALL),
                out_specs=P,
                check_vma=False,
            )
        )
        self._take = jax.jit(take_rows, out_shardings=sharded)

    def start(self, members: Sequence[Member]) -> PopulationState:
        """Draws the initial weights of up to plan.capacity members.

        Raises ConfigError for a member that the plan does not cover.
        """
        placement, hparams, counts = self._placed(members)
        arrays = self._init(hparams, counts, self._study_key)
        return PopulationState(tuple(members), 0, placement, arrays, hparams, counts)

    def epoch(self, state: PopulationState) -> tuple[PopulationState, dict[str, np.ndarray]]:
        """Trains every member for one epoch; metrics {name: [P]}, as in `epoch.Metrics`.

        The arrays of the state given are used up (their memory is reused); go on with the state
        returned. Where the memory does not suffice for the lanes, they are halved, and the epoch is
        done by a new program.
        """
        spare = None
        while True:
            # The first run of a program shows whether it fits, and may use up what it is given even
            # if it fails. Rows one after another cannot become fewer, and need no copy.
            if spare is None and not self._fits and self.execution.halved() is not None:
                spare = jax.tree.map(np.array, state.arrays)
            try:
                arrays, metrics = self._run(state)
                break
            except jax.errors.JaxRuntimeError as error:
                state = self._with_fewer_lanes(state, spare, error)
        self._fits = True
        rows = state.placement.rows
        values = {name: np.asarray(column)[rows] for name, column in metrics._asdict().items()}
        return replace(state, arrays=arrays, age=state.age + 1), values

    def keep(self, state: PopulationState, chosen: Sequence[int]) -> PopulationState:
        """The state of some members only, dealt to the devices anew; compiles no training."""
        members = [state.members[k] for k in chosen]
        placement, hparams, counts = self._placed(members)
        rows = np.zeros(self.rows, np.int32)
        rows[placement.rows] = state.placement.rows[list(chosen)]
        # One array after another: the gather copies its operand to every device.
        arrays = jax.tree.map(partial(self._take, rows=self._replicate(rows)), state.arrays)
        return PopulationState(tuple(members), state.age, placement, arrays, hparams, counts)

    def variables(self, state: PopulationState, k: int) -> dict[str, Any]:
        """Weights of member k at its exact shape, numpy arrays named as the Flax Classifier's."""
        member, row = state.members[k], int(state.placement.rows[k])
        padded = self.plan.bodies[state.placement.bodies[k]]
        stored = jax.device_get((state.arrays.params[row], state.arrays.stats[row]))
        return exact_variables(member.config, exact_arrays(member.shape, padded, *stored))

    def snapshot(self, state: PopulationState) -> dict[str, np.ndarray]:
        """All that training changed, {name: [P, ...]}, in the order of the members.

        Vectors are those of the exact shapes, filled up with zeros: programs of other bodies can
        restore them.
        """
        names, leaves = _leaves(state.arrays)
        rows, bodies = state.placement.rows, [self.plan.bodies[b] for b in state.placement.bodies]
        shapes = [member.shape for member in state.members]
        out = {}
        for name, leaf in zip(names, jax.device_get(leaves), strict=True):
            values = np.asarray(leaf)[rows]
            out[name] = values if values.ndim == 1 else _relaid(name, values, bodies, shapes)
        return out

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> PopulationState:
        """The state of a `snapshot` of these members, taken at this age."""
        placement, hparams, counts = self._placed(members)
        empty = jax.eval_shape(self._init, hparams, counts, self._study_key)
        names, leaves = _leaves(empty)
        rows, bodies = placement.rows, [self.plan.bodies[b] for b in placement.bodies]
        shapes = [member.shape for member in members]
        filled = []
        for name, leaf in zip(names, leaves, strict=True):
            whole, values = np.zeros(leaf.shape, leaf.dtype), np.asarray(arrays[name])
            if values.ndim > 1:
                values = _relaid(name, values, shapes, bodies)
                whole[rows, : values.shape[1]] = values
            else:
                whole[rows] = values
            filled.append(self._shard(whole))
        tree = jax.tree.unflatten(jax.tree.structure(empty), filled)
        return PopulationState(tuple(members), age, placement, tree, hparams, counts)

    def lower(self, members: Sequence[Member], platforms: Sequence[str]):
        """The epoch function, lowered for platforms ("cuda", "tpu") without such a device."""
        with native.left_out():
            traced = self._jit().trace(*self._arguments(self.start(members)))
        return traced.lower(lowering_platforms=tuple(platforms))

    def _placed(self, members: Sequence[Member]) -> tuple[Placement, TracedHparams, Array]:
        if not members:
            raise ConfigError("A population needs at least one member, got none.")
        placement = place(self.plan, members, self.mesh.size)
        hparams = self._shard(traced_hparams(self.plan, members, placement, self.rows))
        return placement, hparams, self._shard(placement.counts)

    def _compiled(self, args: tuple) -> Callable:
        program = self._program
        if program is None:
            began = time.perf_counter()
            program = self._program = self._jit().lower(*args).compile()
            self.compile_seconds += time.perf_counter() - began
            self.compilations += 1
        return program

    def _run(self, state: PopulationState) -> tuple[MemberState, Metrics]:
        """Waits until the epoch is done: only then is it known that the memory sufficed."""
        args = self._arguments(state)
        arrays, metrics = self._compiled(args)(*args)
        return arrays, jax.device_get(metrics)

    def _with_fewer_lanes(
        self, state: PopulationState, spare: MemberState | None, error: Exception
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
        self.execution, self._program = smaller, None
        self._fits, self._halved = False, True
        return replace(state, arrays=self._shard(spare)) if lost else state

    def _arguments(self, state: PopulationState) -> tuple:
        age = self._replicate(np.uint32(state.age))
        return state.arrays, state.hparams, state.counts, self._data, self._study_key, age

    def _jit(self) -> Callable:
        local = jax.shard_map(
            partial(train_local, self.plan.bodies, self.plan.choices, self.execution),
            mesh=self.mesh,
            in_specs=(P, P, P, ALL),
            out_specs=(P, P),
            check_vma=False,
        )

        def epoch(arrays, hparams, counts, data, study_key, age):
            given = epoch_input(data, study_key, age, self._augment, self._augment_validation)
            return local(arrays, hparams, counts, given)

        return jax.jit(epoch, donate_argnums=0)

    def _replicate(self, tree):
        return jax.device_put(tree, NamedSharding(self.mesh, ALL))

    def _shard(self, tree):
        return jax.device_put(tree, NamedSharding(self.mesh, P))


def _leaves(arrays: MemberState) -> tuple[list[str], list[Array]]:
    paths, leaves = zip(*jax.tree.leaves_with_path(arrays), strict=True)
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths], list(leaves)


def _relaid(name: str, vectors: np.ndarray, old: Sequence[Body], new: Sequence[Body]) -> np.ndarray:
    """The members' vectors [P, ...] of one part of their state, in the layouts of other bodies."""
    which = int(name == "stats")  # the others hold a number for each weight
    before, after = ([layouts(body)[which] for body in bodies] for bodies in (old, new))
    out = np.zeros((len(vectors), max(layout.size for layout in after)), vectors.dtype)
    for row, vector, source, target in zip(out, vectors, before, after, strict=True):
        row[: target.size] = laid_out(vector, source, target)
    return out


def check_images(plan: Plan, train: ImageDataset, validation: ImageDataset) -> None:
    image = plan.bodies[0].signature.image
    for dataset in (train, validation):
        if dataset.image_shape != image:
            raise ConfigError(
                f"The networks take images of {image} (height, width, channels), got"
                f" {dataset.image_shape} from {dataset.name}: use resize_and_crop first."
            )
    batch = max(body.signature.batch_size for body in plan.bodies)
    if batch > train.size:
        raise ConfigError(
            f"batch_size must be at most the {train.size} training images, got {batch}."
        )
    if validation.num_classes != train.num_classes or any(
        body.widths.units[-1] != train.num_classes for body in plan.bodies
    ):
        raise ConfigError(
            f"The last MLP layer must have one unit per class ({train.num_classes}):"
            " repair the configs."
        )
