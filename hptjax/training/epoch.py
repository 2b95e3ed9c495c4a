"""One member through one epoch: a scan over the training batches, then the validation images."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax

from hptjax.models.flat import layouts
from hptjax.models.forward import Knobs, Network, Params, correct, cross_entropy
from hptjax.models.keys import dropout_key
from hptjax.models.signature import Body
from hptjax.training import adam
from hptjax.training.data import Images, as_floats, to_blocks


@struct.dataclass
class MemberState:
    """All that training changes in one member: vectors of weights [N] and statistics [S]."""

    params: Array
    stats: Array
    optimiser: adam.AdamState


class Metrics(NamedTuple):
    """Means over an epoch's images: cross-entropy [nats] and share classified right."""

    train_loss: Array
    train_accuracy: Array
    val_loss: Array
    val_accuracy: Array


def train_epoch(
    body: Body, block: int, state: MemberState, knobs: Knobs, data: Images, key: Array
) -> tuple[MemberState, Array, Array]:
    """Trains one member on every whole batch; returns (state, mean loss, accuracy).

    block: images per cache block, a divisor of the batch size; key: of the member's dropout in this
    epoch.
    """
    signature = body.signature
    steps = data.train.shape[0] // signature.batch_size

    def step(carry: MemberState, i: Array):
        start = i * signature.batch_size
        x = lax.dynamic_slice_in_dim(data.train, start, signature.batch_size)
        labels = lax.dynamic_slice_in_dim(data.train_labels, start, signature.batch_size)
        x = to_blocks(x, signature.image, block)
        carry, loss, hits = train_step(body, carry, knobs, x, labels, jax.random.fold_in(key, i))
        return carry, (loss, hits)

    state, (losses, hits) = lax.scan(step, state, jnp.arange(steps))
    return state, losses.mean(), hits.mean()


def train_step(
    body: Body, state: MemberState, knobs: Knobs, x: Array, labels: Array, key: Array
) -> tuple[MemberState, Array, Array]:
    """One Adam step on images x [G, C, H, W, b]; returns (state, mean loss, share of hits)."""

    weights, running = layouts(body)
    stats = running.split(state.stats)

    def objective(params: Params):
        net = Network(body.signature, params, stats, train=True)
        logits = net.logits(x, knobs, key)
        return cross_entropy(logits, labels).mean(), (net.new_stats, correct(logits, labels))

    differentiate = jax.value_and_grad(objective, has_aux=True)
    (loss, (stats, hits)), grads = differentiate(weights.split(state.params))
    params, optimiser = adam.update(
        state.params,
        weights.join(grads),
        state.optimiser,
        lr=knobs.lr,
        weight_decay=knobs.weight_decay,
        beta_1=knobs.beta_1,
        beta_2=knobs.beta_2,
    )
    return MemberState(params, running.join(stats), optimiser), loss, hits.mean()


def evaluate(
    body: Body, state: MemberState, knobs: Knobs, images: Array, labels: Array
) -> tuple[Array, Array]:
    """Mean loss and accuracy in evaluation mode over images [V, C, H, W, e]; labels -1 do not
    count.
    """

    params, stats = (
        layout.split(vector)
        for layout, vector in zip(layouts(body), (state.params, state.stats), strict=True)
    )

    def block(total: tuple[Array, Array], part: tuple[Array, Array]):
        x, y = part
        net = Network(body.signature, params, stats, train=False)
        logits = net.logits(as_floats(x)[None], knobs, None)
        real = y >= 0
        loss = jnp.where(real, cross_entropy(logits, jnp.maximum(y, 0)), 0).sum()
        return (total[0] + loss, total[1] + jnp.sum(correct(logits, y) & real)), None

    (loss, hits), _ = lax.scan(block, (jnp.zeros(()), jnp.zeros((), jnp.int32)), (images, labels))
    count = jnp.maximum(jnp.sum(labels >= 0), 1)
    return loss / count, hits / count


def member_epoch(
    body: Body,
    block: int,
    state: MemberState,
    knobs: Knobs,
    data: Images,
    study: Array,
    epoch: Array,
) -> tuple[MemberState, Metrics]:
    """Trains one member for one epoch, then measures it on the validation images."""
    key = dropout_key(study, knobs.trial, epoch)
    state, loss, accuracy = train_epoch(body, block, state, knobs, data, key)
    val_loss, val_accuracy = evaluate(body, state, knobs, data.val, data.val_labels)
    return state, Metrics(loss, accuracy, val_loss, val_accuracy)
