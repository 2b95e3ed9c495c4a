"""What one device holds for training: the images, and the programs that its places call."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from hptjax.config.augment import Variants
from hptjax.models.choices import Choices
from hptjax.models.keys import root_key
from hptjax.models.signature import NetShape
from hptjax.population.epoch import MemberState, TracedHparams
from hptjax.population.execution import Execution
from hptjax.population.images import DatasetArrays, EpochInput, epoch_input
from hptjax.population.program import init_local, train_local
from hptjax.settings import fixed_settings


def preparing(
    chosen: Variants, augment_validation: bool, images_per_epoch: int | None = None
) -> Any:
    """The function from a data set to the images of an epoch, jitted; as `epoch_input`."""

    def prepare(data: DatasetArrays, study_key: Array, age: Array) -> EpochInput:
        return epoch_input(data, study_key, age, chosen, augment_validation, images_per_epoch)

    return jax.jit(prepare)


def training(bodies: tuple[NetShape, ...], choices: Choices, execution: Execution) -> Any:
    """The function that trains a place's rows for one epoch, jitted; it uses up their state."""
    return jax.jit(partial(train_local, bodies, choices, execution), donate_argnums=0)


_start = jax.jit(init_local, static_argnums=(0, 1))


class DevicePrograms:
    """The images and the compiled programs of one device, shared by its places."""

    def __init__(
        self, device: Any, data: DatasetArrays, seed: int, prepare: Any, horizon: int | None
    ) -> None:
        """prepare: as `preparing` gives it; horizon: epochs of a fully trained network.

        Copies the images; compiles nothing yet.
        """
        self.device, self.compilations, self.compile_seconds = device, 0, 0.0
        self._data, self._study_key = self.put(data), self.put(root_key(seed))
        self._prepare, self._prepared = prepare, None
        self._horizon = self.put(np.float32(horizon or 1))
        self._started: set[tuple[NetShape, ...]] = set()
        self._train: Callable | None = None

    def put(self, tree: Any) -> Any:
        """Copies arrays to the device."""
        return jax.device_put(tree, self.device)

    def start(
        self, bodies: tuple[NetShape, ...], choices: Choices, hparams: TracedHparams, counts: Array
    ) -> MemberState:
        """The rows of a place before training; the first call's time is that of compiling."""
        began = time.perf_counter()
        rows = _start(bodies, choices, hparams, counts, self._study_key)
        if bodies not in self._started:
            self._started.add(bodies)
            self.compile_seconds += time.perf_counter() - began
        return rows

    def shapes(
        self, bodies: tuple[NetShape, ...], choices: Choices, hparams: TracedHparams, counts: Array
    ) -> MemberState:
        """The shapes and types of what `start` gives."""
        return jax.eval_shape(partial(_start, bodies, choices), hparams, counts, self._study_key)

    def images(self, age: int) -> EpochInput:
        """The images of an epoch, prepared once for all places."""
        args = self._data, self._study_key, self.put(np.uint32(age))
        if self._prepared is None:
            self._prepared = self._timed(self._prepare, *args)
        return self._prepared(*args)._replace(horizon=self._horizon)

    def program(self, make: Callable[[], Any], args: tuple[Any, ...]) -> Callable:
        """The training program, compiled at the first call; make: gives it as `training` does."""
        if self._train is None:
            with fixed_settings():
                self._train = self._timed(make(), *args)
            self.compilations += 1
        return self._train

    def forget(self) -> None:
        """Lets the training program go: the next one is another."""
        self._train = None

    def _timed(self, function: Any, *args: Any) -> Callable:
        began = time.perf_counter()
        compiled = function.lower(*args).compile()
        self.compile_seconds += time.perf_counter() - began
        return compiled
