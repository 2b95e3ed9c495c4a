"""Trains a mixed population: one compiled call per epoch, sharded over the devices, one copy of the
metrics back.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hptjax.data.augment import augment as augment_images
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.models.flat import exact_arrays
from hptjax.models.forward import Knobs
from hptjax.models.keys import study_key
from hptjax.models.signature import Signature, exact_body, map_sizes
from hptjax.models.variables import exact_variables
from hptjax.population.pack import Layout, Member, body_of, initial_arrays, knobs, lay_out
from hptjax.population.plan import Plan
from hptjax.population.program import init_population, train_local
from hptjax.training.data import dataset_arrays, epoch_images
from hptjax.training.epoch import MemberState, Metrics

PATCH_BYTES = 900_000  # patches of one block of images should fit a core's second-level cache
P, ALL = PartitionSpec("population"), PartitionSpec()


@dataclass(frozen=True)
class PopulationState:
    """A population between two epochs: who is in it, where each member lies, and all arrays on the
    devices.
    """

    members: tuple[Member, ...]
    layout: Layout
    arrays: MemberState
    knobs: Knobs
    counts: Array


class PopulationTrainer:
    """Holds the images on the devices and the compiled program of a plan; both serve any number of
    populations.
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
        chunk: int | None = None,
    ) -> None:
        """devices: JAX devices, default all local ones. chunk: members trained side by side on one
        device; default 1 on CPU, all elsewhere.

        Raises ConfigError when images and plan disagree in size, or a batch is larger than the
        training set.
        """
        self.plan, self.seed = plan, seed
        devices = list(devices or jax.local_devices())[: plan.capacity]
        _check(plan, train, validation)
        self.mesh = Mesh(np.array(devices), ("population",))
        self.rows = -(-plan.capacity // len(devices)) * len(devices)
        self.compilations, self.compile_seconds = 0, 0.0
        if chunk is None and devices[0].platform != "cpu":
            chunk = self.rows // len(devices)
        self._chunk = None if chunk == 1 else chunk
        self._augment = augment_images if augment else None
        self._augment_validation = augment_validation
        self._data = self._replicate(dataset_arrays(train, validation))
        self._study = self._replicate(study_key(seed))
        self._program: Callable | None = None
        self._init = jax.jit(init_population, out_shardings=NamedSharding(self.mesh, P))

    def start(self, members: Sequence[Member]) -> PopulationState:
        """Draws the initial weights of up to plan.capacity members; raises ConfigError for one the
        plan does not cover.
        """
        if not members:
            raise ConfigError("A population needs at least one member, got none.")
        layout = lay_out(self.plan, members, self.mesh.size)
        placed = self._shard(knobs(self.plan, members, layout, self.rows))
        start = initial_arrays(self.plan, members, layout, self.rows)
        arrays = self._init(self._study, placed.trial, *self._shard(start))
        return PopulationState(tuple(members), layout, arrays, placed, self._shard(layout.counts))

    def epoch(
        self, state: PopulationState, epoch: int
    ) -> tuple[PopulationState, dict[str, np.ndarray]]:
        """Trains every member for one epoch; metrics {train_loss, train_accuracy, val_loss,
        val_accuracy: [P]}.

        The arrays of the state given are used up (their memory is reused); go on with the state
        returned.
        """
        args = self._arguments(state, epoch)
        arrays, metrics = self._compiled(args)(*args)
        on_host: Metrics = jax.device_get(metrics)
        state = PopulationState(state.members, state.layout, arrays, state.knobs, state.counts)
        return state, {
            name: np.asarray(values)[state.layout.place]
            for name, values in on_host._asdict().items()
        }

    def _compiled(self, args: tuple) -> Callable:
        program = self._program
        if program is None:
            began = time.perf_counter()
            program = self._program = self._jit().lower(*args).compile()
            self.compile_seconds += time.perf_counter() - began
            self.compilations += 1
        return program

    def variables(self, state: PopulationState, k: int) -> dict:
        """Weights of member k at its exact shape, as numpy arrays in the form of
        hptjax.models.Classifier.
        """
        config, row = state.members[k].config, int(state.layout.place[k])
        padded = self.plan.bodies[body_of(self.plan, config)]
        stored = jax.device_get((state.arrays.params[row], state.arrays.stats[row]))
        return exact_variables(config, exact_arrays(exact_body(config), padded, *stored))

    def lower(self, members: Sequence[Member], platforms: Sequence[str]):
        """The epoch function of a population, lowered for other platforms ("cuda", "tpu") without
        such a device.
        """
        traced = self._jit().trace(*self._arguments(self.start(members), 0))
        return traced.lower(lowering_platforms=tuple(platforms))

    def _arguments(self, state: PopulationState, epoch: int) -> tuple:
        number = self._replicate(np.uint32(epoch))
        return state.arrays, state.knobs, state.counts, self._data, self._study, number

    def _jit(self) -> Callable:
        blocks = tuple(
            block_size(body.signature, body.widths.channels) for body in self.plan.bodies
        )
        local = jax.shard_map(
            partial(train_local, self.plan, blocks, self._chunk),
            mesh=self.mesh,
            in_specs=(P, P, P, ALL, ALL, ALL),
            out_specs=(P, P),
            check_vma=False,
        )

        def epoch(arrays, knobs, counts, data, study, number):
            images = epoch_images(data, study, number, self._augment, self._augment_validation)
            return local(arrays, knobs, counts, images, study, number)

        return jax.jit(epoch, donate_argnums=0)

    def _replicate(self, tree):
        return jax.device_put(tree, NamedSharding(self.mesh, ALL))

    def _shard(self, tree):
        return jax.device_put(tree, NamedSharding(self.mesh, P))


def block_size(signature: Signature, channels: tuple[int, ...]) -> int:
    """Images per cache block: the most that keep the largest patches of the net within PATCH_BYTES.

    A block must divide the batch; blocks under 8 images would leave the vector units half empty.
    """
    sizes = map_sizes(signature)
    inputs = zip(signature.blocks, channels, channels[1:], sizes, sizes[1:], strict=False)
    patch = [
        4 * kernel * kernel * max(before, after) * size[0] * size[1]
        for (kernel, _), before, after, _, size in inputs
    ]
    batch = signature.batch_size
    most = max(8, PATCH_BYTES // max(patch, default=1))
    return max((b for b in range(8, batch + 1) if batch % b == 0 and b <= most), default=batch)


def _check(plan: Plan, train: ImageDataset, validation: ImageDataset) -> None:
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
