"""The network as a population computes it: pure functions of one member's padded weights.

`Layer.module` is the same layer as a Flax module at its exact shape; tests check that both agree.
"""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.models.choices import Choices
from hptjax.models.layers.base import Context
from hptjax.models.layers.pieces import inside, within
from hptjax.models.numbers import TracedNumbers, bound_layers
from hptjax.models.signature import Signature, walk
from hptjax.ops import stored

Arrays: TypeAlias = dict[str, Array]


def forward(
    signature: Signature,
    choices: Choices,
    params: Arrays,
    stats: Arrays,
    x: Array,
    numbers: TracedNumbers,
    *,
    train: bool,
    key: Array | None = None,
) -> tuple[Array, Arrays]:
    """Returns the logits [K, B] of images x [C, H, W, B], and the new running statistics.

    choices: those of the program. key: the key of this step's dropout; None in evaluation, which
    does not change the statistics.
    """
    new = dict(stats)
    layers = bound_layers(signature, choices, numbers)
    first = _first_trained(signature)
    short = train and signature.precision == "bfloat16"
    x = stored.keep(x) if short else x
    for k, (placed, incoming) in enumerate(walk(signature.incoming, layers)):
        own = within(placed.name, stats)
        context = Context(
            incoming, train, key, own, placed.stream, first=k <= first, bfloat16=short
        )
        x = context.kept(placed.layer.forward(x, within(placed.name, params), context))
        new.update(inside(placed.name, context.new_statistics))
    return x, new


def _first_trained(signature: Signature) -> int:
    """Returns the place of the first layer with weights, whose input needs no gradient."""
    shapes = walk(signature.incoming, signature.layers)
    trained = (k for k, (placed, shape) in enumerate(shapes) if placed.layer.weights(shape))
    return next(trained, len(signature.layers))


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Returns the negative log-likelihood of each image: logits [K, B], labels [B] -> [B]."""
    picked = jnp.take_along_axis(logits, labels[None], 0)[0]
    return jax.nn.logsumexp(logits, 0) - picked


def correct(logits: Array, labels: Array) -> Array:
    """Tells which images are classified correctly: [B] bool; False where the network gives NaN."""
    return (jnp.argmax(logits, 0) == labels) & jnp.isfinite(logits).all(0)
