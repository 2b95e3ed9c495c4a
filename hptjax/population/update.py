"""One step of a member's weights, by its optimizer, its schedule and its warm-up."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from hptjax.config.named import Part
from hptjax.models.choices import Choices
from hptjax.models.numbers import TracedNumbers, part_numbers
from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.warmup import with_warmup
from hptjax.population.optimizers.base import Slots


def slots_of(choices: Choices) -> int:
    """Returns how many numbers a program keeps of each weight, beside the weight itself."""
    return max(kind.options.slots for kind in choices.optimizers)


def start(choices: Choices, params: Array, numbers: TracedNumbers) -> Slots:
    """Returns the slots before the first step; params: [N], all weights of a network."""

    def begin(kind: Part) -> Slots:
        h = _numbers(kind, numbers, numbers["lr"])
        return _filled(choices, kind.options.start(params, h), params)

    return chosen(choices.optimizers, begin, numbers.get("optimizer"))


def update(
    choices: Choices,
    params: Array,
    grads: Array,
    slots: Slots,
    count: Array,
    numbers: TracedNumbers,
    steps: Array,
) -> tuple[Array, Slots]:
    """Returns the weights [N] and slots after one step by grads [N].

    count: steps taken before this one. steps: those of a fully trained network, float32.
    """
    rate = learning_rate(choices, count, numbers, steps)

    def step(kind: Part) -> tuple[Array, Slots]:
        h = _numbers(kind, numbers, rate, step=count + 1)
        new, kept = kind.options.update(params, grads, slots[: kind.options.slots], h)
        return new, _filled(choices, kept, params)

    return chosen(choices.optimizers, step, numbers.get("optimizer"))


def learning_rate(choices: Choices, count: Array, numbers: TracedNumbers, steps: Array) -> Array:
    """Returns the learning rate of one step, see `update`; without a schedule, lr itself."""
    if not choices.scheduled:
        return numbers["lr"]
    progress = count.astype(jnp.float32) / steps

    def factor(kind: Part) -> Array:
        h = Numbers(steps=steps, **part_numbers("lr_schedule", kind, numbers))
        if choices.warmup:
            return with_warmup(kind.options, progress, numbers["warmup"], h)
        return kind.options.factor(progress, h)

    return numbers["lr"] * chosen(choices.lr_schedules, factor, numbers.get("lr_schedule"))


def _numbers(kind: Part, numbers: TracedNumbers, lr: Array, **others: Any) -> Numbers:
    own = part_numbers("optimizer", kind, numbers)
    return Numbers(lr=lr, weight_decay=numbers["weight_decay"], **own, **others)


def chosen(kinds: Sequence[Part], of: Callable[[Part], Any], index: Array | None) -> Any:
    """Returns a function's result for the member's own kind; one kind alone needs no branches."""
    if index is None:
        return of(kinds[0])
    return lax.switch(index, [partial(of, kind) for kind in kinds])


def _filled(choices: Choices, slots: Slots, params: Array) -> Slots:
    """Fills the slots up to the number that the program keeps: unused slots are zeros."""
    spare = slots_of(choices) - len(slots)
    return (*slots, *[jnp.zeros_like(params)] * spare)
