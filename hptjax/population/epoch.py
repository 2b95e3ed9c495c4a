"""One member through one epoch: a scan over the training batches, then the validation images."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax

from hptjax.models.choices import Choices
from hptjax.models.forward import Arrays, correct, cross_entropy, forward
from hptjax.models.keys import dropout_key, init_key
from hptjax.models.numbers import AnyArray, Numbers
from hptjax.models.signature import Body, Widths
from hptjax.models.weights import initial_statistics, initial_weights, layouts
from hptjax.population import optimiser
from hptjax.population.images import EpochInput, as_floats, to_maps


@struct.dataclass
class TracedHparams:
    """The numbers of one member that are traced.

    trial: what its random keys derive from.
    """

    numbers: Numbers
    trial: AnyArray  # uint32


@struct.dataclass
class MemberState:
    """All that training changes in one member: vectors of weights [N] and statistics [S]."""

    params: Array
    stats: Array
    moments: optimiser.AdamState

    def front(self, body: Body) -> "MemberState":
        """The front of the stored vectors, as long as a body needs."""
        params, stats = (layout.size for layout in layouts(body))
        return MemberState(
            self.params[..., :params], self.stats[..., :stats], self.moments.front(params)
        )


def initial_state(body: Body, study_key: Array, hparams: TracedHparams) -> MemberState:
    """A member of a body before training, from its true widths and its key."""
    signature = body.signature
    widths = Widths(
        tuple(hparams.numbers["channels"][i] for i in range(len(signature.blocks) + 1)),
        tuple(hparams.numbers["units"][i] for i in range(signature.depth)),
    )
    params = initial_weights(init_key(study_key, hparams.trial), body, widths)
    return MemberState(params, initial_statistics(body, widths), optimiser.start(params))


class Metrics(NamedTuple):
    """Means over an epoch's images: cross-entropy [nats] and share classified right."""

    train_loss: Array
    train_accuracy: Array
    val_loss: Array
    val_accuracy: Array


def member_epoch(
    body: Body,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    given: EpochInput,
) -> tuple[MemberState, Metrics]:
    """Trains one member for one epoch, then measures it on the validation images."""
    key = dropout_key(given.study_key, hparams.trial, given.epoch)
    state, loss, accuracy = train_epoch(body, choices, state, hparams, given, key)
    val_loss, val_accuracy = evaluate(
        body, choices, state, hparams.numbers, given.val, given.val_labels
    )
    return state, Metrics(loss, accuracy, val_loss, val_accuracy)


def train_epoch(
    body: Body,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    given: EpochInput,
    key: Array,
) -> tuple[MemberState, Array, Array]:
    """Trains one member on every whole batch; returns (state, mean loss, accuracy).

    key: of the member's dropout in this epoch.
    """
    signature = body.signature
    steps = given.train.shape[0] // signature.batch_size

    def step(carry: MemberState, i: Array):
        start = i * signature.batch_size
        x = lax.dynamic_slice_in_dim(given.train, start, signature.batch_size)
        labels = lax.dynamic_slice_in_dim(given.train_labels, start, signature.batch_size)
        x = to_maps(x, signature.image)
        step_key = jax.random.fold_in(key, i)
        carry, loss, hits = train_step(body, choices, carry, hparams, x, labels, step_key)
        return carry, (loss, hits)

    state, (losses, hits) = lax.scan(step, state, jnp.arange(steps))
    return state, losses.mean(), hits.mean()


def train_step(
    body: Body,
    choices: Choices,
    state: MemberState,
    hparams: TracedHparams,
    x: Array,
    labels: Array,
    key: Array,
) -> tuple[MemberState, Array, Array]:
    """One Adam step on images x [C, H, W, B]; returns (state, mean loss, share of hits)."""
    weights, running = layouts(body)
    stats = running.split(state.stats)

    def objective(params: Arrays):
        logits, new_stats = forward(
            body.signature, choices, params, stats, x, hparams.numbers, train=True, key=key
        )
        return cross_entropy(logits, labels).mean(), (new_stats, correct(logits, labels))

    differentiate = jax.value_and_grad(objective, has_aux=True)
    (loss, (stats, hits)), grads = differentiate(weights.split(state.params))
    params, moments = optimiser.update(
        state.params, weights.join(grads), state.moments, hparams.numbers
    )
    return MemberState(params, running.join(stats), moments), loss, hits.mean()


def evaluate(
    body: Body,
    choices: Choices,
    state: MemberState,
    numbers: Numbers,
    images: Array,
    labels: Array,
) -> tuple[Array, Array]:
    """Mean loss and accuracy in evaluation mode, images [V, C, H, W, e]; label -1: no image."""
    params, stats = (
        layout.split(vector)
        for layout, vector in zip(layouts(body), (state.params, state.stats), strict=True)
    )

    def batch(total: tuple[Array, Array], part: tuple[Array, Array]):
        x, y = part
        images = as_floats(x)
        logits, _ = forward(body.signature, choices, params, stats, images, numbers, train=False)
        real = y >= 0
        loss = jnp.where(real, cross_entropy(logits, jnp.maximum(y, 0)), 0).sum()
        return (total[0] + loss, total[1] + jnp.sum(correct(logits, y) & real)), None

    (loss, hits), _ = lax.scan(batch, (jnp.zeros(()), jnp.zeros((), jnp.int32)), (images, labels))
    count = jnp.maximum(jnp.sum(labels >= 0), 1)
    return loss / count, hits / count
