"""What one device holds for training: the images, and the programs that its places call.

Each body has its own program, which is compiled when a member first has the body, in parallel with
other new bodies. So neither the numbers of a network nor its program depend on other bodies.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jax import Array

from hptjax.config.augment import Variants
from hptjax.models.choices import Choices
from hptjax.models.keys import root_key
from hptjax.models.signature import NetShape
from hptjax.models.weights import longest_vectors
from hptjax.ops import stored
from hptjax.population.beginning import begin_row, beginning, is_drawn
from hptjax.population.epoch import MemberState, Metrics, TracedHparams
from hptjax.population.images import DatasetArrays, EpochInput, epoch_input
from hptjax.population.places import side_by_side
from hptjax.population.program import (
    Carry,
    blank_metrics,
    blank_state,
    init_body,
    train_body,
)
from hptjax.settings import fixed_settings


def preparing(
    chosen: Variants, augment_validation: bool, images_per_epoch: int | None = None
) -> Any:
    """Returns the jitted function from a data set to the images of an epoch; see `epoch_input`."""

    def prepare(data: DatasetArrays, study_key: Array, age: Array) -> EpochInput:
        return epoch_input(data, study_key, age, chosen, augment_validation, images_per_epoch)

    return jax.jit(prepare)


def training(body: NetShape, choices: Choices, lanes: int) -> Any:
    """Returns the jitted function that trains a place's rows of a body for one epoch.

    It takes the arguments of `train_body` from the carry on; it uses up the carry.
    """
    options = stored.compiler_options(body.signature.precision)
    train = partial(train_body, body, choices, lanes)
    return jax.jit(train, donate_argnums=0, compiler_options=options)


_blank = jax.jit(blank_state, static_argnums=(0, 1), keep_unused=True)
_blank_metrics = jax.jit(blank_metrics, static_argnums=(0, 1, 2, 3))
_begin = jax.jit(begin_row, static_argnums=0, donate_argnums=1)
_start = jax.jit(init_body, static_argnums=(0, 1), donate_argnums=2)

Spans: TypeAlias = Mapping[int, Any]
"""The spans of a place: {body: [first row, last row + 1]}, for the bodies that it has."""


class Call(NamedTuple):
    """An epoch of a place; its programs find their rows by `spans`."""

    place: int
    carry: Carry
    hparams: TracedHparams
    spans: Spans
    images: EpochInput


def spans_of(counts: np.ndarray) -> Spans:
    """Returns the spans of a place that holds `counts` members of each body."""
    stops = np.cumsum(counts)
    return {
        int(b): np.array([stops[b] - counts[b], stops[b]], np.int32) for b in counts.nonzero()[0]
    }


def _spans_of_rows(bodies: Mapping[int, int]) -> Spans:
    """Returns the spans of rows {row: body}, in which each body's rows are neighbours."""
    rows: dict[int, list[int]] = {}
    for row, body in bodies.items():
        rows.setdefault(body, []).append(row)
    return {b: np.array([min(own), max(own) + 1], np.int32) for b, own in rows.items()}


class DevicePrograms:
    """The images and the compiled programs of one device, shared by its places."""

    def __init__(
        self,
        device: Any,
        data: DatasetArrays,
        seed: int,
        prepare: Any,
        horizon: int | None,
        threads: int,
    ) -> None:
        """Copies the images; compiles nothing yet.

        prepare: a function that `preparing` returned. horizon: epochs of a fully trained network.
        threads: how many programs are compiled at the same time.
        """
        self.device, self.threads = device, threads
        self.compile_seconds = 0.0
        self._data, self._study_key = self.put(data), self.put(root_key(seed))
        self._prepare, self._prepared = prepare, None
        self._horizon = self.put(np.float32(horizon or 1))
        self._started: set[NetShape | None] = set()  # None: what all bodies of `is_drawn` share
        self._train: dict[int, Callable] = {}
        self._forgotten = 0  # number of programs

    def put(self, tree: Any) -> Any:
        """Copies arrays to the device."""
        return jax.device_put(tree, self.device)

    def start(
        self,
        bodies: tuple[NetShape, ...],
        choices: Choices,
        places: Sequence[tuple[TracedHparams, Mapping[int, tuple[int, NetShape]]]],
    ) -> list[MemberState]:
        """Returns the rows of this device's places before training.

        places: for each place its hparams and {row: (body, exact shape)}. The time of a call that
        compiles counts as compile time.
        """
        began, sizes = time.perf_counter(), longest_vectors(bodies)
        states, key = [_blank(bodies, choices, own.key) for own, _ in places], self._study_key
        drawn, alone, needed = [], [], {}
        for k, (hparams, rows) in enumerate(places):
            spans = _spans_of_rows({r: b for r, (b, _) in rows.items() if not is_drawn(bodies[b])})
            for b, span in spans.items():
                alone.append((k, bodies[b], hparams, span))
                needed[bodies[b]] = _start, (bodies[b], choices, states[k], hparams, span, key)
            for row, (b, shape) in rows.items():
                if is_drawn(bodies[b]):
                    own = np.int32(row), hparams, beginning(shape, bodies[b], *sizes), key
                    drawn.append((k, own))
                    needed[None] = _begin, (choices, states[k], *own)
        missing = [call for name, call in needed.items() if name not in self._started]
        side_by_side([partial(_compile, *call) for call in missing], self.threads)
        for k, body, hparams, span in alone:
            states[k] = _start(body, choices, states[k], hparams, span, key)
        for k, own in drawn:
            states[k] = _begin(choices, states[k], *own)
        if missing:
            self._started |= set(needed)
            self.compile_seconds += time.perf_counter() - began
        return states

    def shapes(
        self, bodies: tuple[NetShape, ...], choices: Choices, hparams: TracedHparams
    ) -> MemberState:
        """Returns the shapes and types of the result of `start`."""
        return jax.eval_shape(partial(_blank, bodies, choices), hparams.key)

    def images(self, age: int) -> EpochInput:
        """Returns the images of an epoch, prepared once for all places."""
        args = self._data, self._study_key, self.put(np.uint32(age))
        if self._prepared is None:
            began = time.perf_counter()
            self._prepared = _compile(self._prepare, args)
            self.compile_seconds += time.perf_counter() - began
        return self._prepared(*args)._replace(horizon=self._horizon)

    def blank_metrics(self, choices: Choices, rows: int, outputs: int) -> Metrics:
        """Returns `program.blank_metrics` for this device's validation images."""
        with jax.default_device(self.device):
            images = self._data.val_real.size
            return self.put(_blank_metrics(choices, rows, images, outputs))

    def program(self, body: int, make: Callable[[], Any], args: tuple[Any, ...]) -> Callable:
        """Returns the training program of a body; compiles it at the first call.

        make: returns the function to compile, as `training` does. Threads may call this in
        parallel.
        """
        if body not in self._train:
            self._train[body] = _compile(make(), args)
        return self._train[body]

    @property
    def compilations(self) -> int:
        """The number of training programs compiled so far, forgotten ones included."""
        return self._forgotten + len(self._train)

    def forget(self) -> None:
        """Drops the training programs; the next calls compile new ones."""
        self._forgotten += len(self._train)
        self._train = {}


def _compile(function: Any, args: tuple[Any, ...]) -> Callable:
    with fixed_settings():  # these settings belong to the thread
        return function.lower(*args).compile()
