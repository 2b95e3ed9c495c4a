"""Trains one member for one epoch: a scan over the training batches, then the validation."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax
from jaxtyping import Float, Integer

from hptjax.models.choices import Choices
from hptjax.models.forward import Arrays, forward
from hptjax.models.keys import dropout_key, init_key
from hptjax.models.numbers import AnyArray, TracedNumbers, bound_layers
from hptjax.models.signature import NetShape
from hptjax.models.weights import initial_statistics, initial_weights, layouts
from hptjax.population.images import EpochInput, as_floats, to_maps, train_slice
from hptjax.population.logits import LOGITS
from hptjax.population.measuring import (
    no_sums,
    objective,
    train_metrics,
    val_metrics,
    val_sums,
)
from hptjax.population.update import Slots, start, update
from hptjax.records.metrics import TRAIN, VAL

Metrics: TypeAlias = dict[str, Array]


@struct.dataclass
class TracedHparams:
    """The traced numbers of one member.

    key: the number that the member's random keys derive from.
    """

    numbers: TracedNumbers
    key: AnyArray  # uint32


@struct.dataclass
class MemberState:
    """All that training changes in one member, or in the members of rows `*rows`.

    params: weights. stats: statistics of the norms. slots: the optimizer's vectors, as long as the
    weights. count: steps taken.
    """

    params: Float[Array, "*rows weights"]
    stats: Float[Array, "*rows statistics"]
    slots: Slots
    count: Integer[Array, "*rows"]

    def front(self, body: NetShape) -> "MemberState":
        """Returns the front of the stored vectors, as long as a body needs."""
        params, stats = (layout.size for layout in layouts(body))
        return MemberState(
            self.params[..., :params],
            self.stats[..., :stats],
            tuple(slot[..., :params] for slot in self.slots),
            self.count,
        )


def initial_state(
    body: NetShape, choices: Choices, study_key: Array, hparams: TracedHparams
) -> MemberState:
    """Returns a member of a body before training, from its true widths and its key."""
    layers = bound_layers(body.signature, choices, hparams.numbers)
    key = init_key(study_key, hparams.key)
    params = initial_weights(key, body, layers)
    slots = start(choices, params, hparams.numbers)
    stats = initial_statistics(key, body, layers)
    return MemberState(params, stats, slots, jnp.zeros((), jnp.int32))


def member_epoch(
    body: NetShape,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    given: EpochInput,
) -> tuple[MemberState, Metrics]:
    """Trains one member for one epoch, then measures it on the validation images."""
    key = dropout_key(given.study_key, hparams.key, given.epoch)
    state, train = train_epoch(body, choices, state, hparams, given, key)
    val = evaluate(body, choices, state, hparams.numbers, given)
    return state, {TRAIN + name: value for name, value in train.items()} | val


def train_epoch(
    body: NetShape,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    given: EpochInput,
    key: Array,
) -> tuple[MemberState, Metrics]:
    """Trains one member on every whole batch; returns the state and the means of its measures.

    key: the key of the member's dropout in this epoch.
    """
    signature = body.signature
    steps = given.train_labels.shape[0] // signature.batch_size
    horizon = jnp.asarray(given.horizon, jnp.float32) * steps

    def step(carry: MemberState, i: Array):
        start = i * signature.batch_size
        x = train_slice(given, hparams.numbers.get("augment", 0), start, signature.batch_size)
        labels = lax.dynamic_slice_in_dim(given.train_labels, start, signature.batch_size)
        x = to_maps(x, signature.image)
        step_key = jax.random.fold_in(key, i)
        return train_step(body, choices, carry, hparams, x, labels, step_key, horizon)

    state, measured = lax.scan(step, state, jnp.arange(steps))
    return state, {name: values.mean() for name, values in measured.items()}


def train_step(
    body: NetShape,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    x: Array,
    labels: Array,
    key: Array,
    steps: Array,
) -> tuple[MemberState, Metrics]:
    """Takes one step on images x [C, H, W, B]; returns the state and the task's training measures.

    steps: the number of steps of a fully trained network, float32.
    """
    weights, running = layouts(body)
    stats = running.split(state.stats)

    def loss_of(params: Arrays):
        logits, new_stats = forward(
            body.signature, choices, params, stats, x, hparams.numbers, train=True, key=key
        )
        return objective(choices, logits, labels, hparams.numbers), (new_stats, logits)

    differentiate = jax.value_and_grad(loss_of, has_aux=True)
    (loss, (stats, logits)), grads = differentiate(weights.split(state.params))
    params, slots = update(
        choices,
        state.params,
        weights.join(grads),
        state.slots,
        state.count,
        hparams.numbers,
        steps,
    )
    state = MemberState(params, running.join(stats), slots, state.count + 1)
    return state, train_metrics(choices, loss, logits, labels)


def evaluate(
    body: NetShape, choices: Choices, state: MemberState, numbers: TracedNumbers, given: EpochInput
) -> Metrics:
    """Returns the metrics of the validation images, in evaluation mode; LOGITS: outputs [V, K]."""
    params, stats = (
        layout.split(vector)
        for layout, vector in zip(layouts(body), (state.params, state.stats), strict=True)
    )

    def batch(sums: Metrics, part: tuple[Array, Array, Array]):
        x, labels, real = part
        images = as_floats(x)
        logits, _ = forward(body.signature, choices, params, stats, images, numbers, train=False)
        new = val_sums(choices, logits, labels, real, numbers)
        return jax.tree.map(jnp.add, sums, new), logits.T if choices.logits else None

    outputs = jax.ShapeDtypeStruct((body.outputs, given.val.shape[-1]), jnp.float32)
    start = no_sums(choices, outputs, given.val_labels[0])
    sums, logits = lax.scan(batch, start, (given.val, given.val_labels, given.val_real))
    images = jnp.maximum(jnp.sum(given.val_real), 1)
    measured = val_metrics(choices, sums, images, numbers)
    metrics = {VAL + name: value for name, value in measured.items()}
    return metrics if logits is None else {**metrics, LOGITS: logits.reshape(-1, outputs.shape[0])}
