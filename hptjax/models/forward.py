"""The network as the population computes it: pure functions of one member's padded weights.

hptjax.models.classifier is the same network as Flax modules at its exact shape; the tests hold the
two together.
"""

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.models.choices import Choices
from hptjax.models.numbers import AnyArray, TracedNumbers
from hptjax.models.signature import ConvShape, Signature
from hptjax.ops.activations import activate
from hptjax.ops.conv import conv, conv_and_projection
from hptjax.ops.norm import normalise, normalise_by, running, unbiased
from hptjax.ops.pointwise import average_pool, dropout

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
    """The logits [K, B] of images x [C, H, W, B], and the running statistics after them.

    choices: of the program. key: of this step's dropout, None in evaluation, which leaves the
    statistics as they are.
    """
    network = _Network(signature, choices, params, stats, train)
    logits = network.logits(x, numbers, key)
    return logits, network.new_stats


class _Network:
    """Collects the new running statistics on the way; lives for one call of `forward`."""

    def __init__(
        self,
        signature: Signature,
        choices: Choices,
        params: Arrays,
        stats: Arrays,
        train: bool,
    ) -> None:
        self.signature, self.choices = signature, choices
        self.params, self.stats, self.train = params, stats, train
        self.new_stats = dict(stats)

    def logits(self, x: Array, numbers: TracedNumbers, key: Array | None) -> Array:
        x = self._features(x, numbers)
        x = x.reshape(-1, x.shape[-1])
        for i in range(self.signature.depth):
            x = self._mlp_layer(x, i, numbers, key)
        return x

    def _features(self, x: Array, numbers: TracedNumbers) -> Array:
        channels = numbers["channels"]
        first = self.signature.first
        kernel, bias = self.params["first_conv.kernel"], self.params["first_conv.bias"]
        live = jnp.stack([jnp.int32(x.shape[0]), channels[0]])
        options = {"stride": first.stride, "padding": first.padding}
        x = conv(x, kernel, bias, live, **options, input_grad=False)
        x = self._activation(0, numbers)(x)
        for i, block in enumerate(self.signature.blocks):
            act = self._activation(i + 1, numbers)
            x = self._block(x, f"blocks.{i}", block, channels[i], channels[i + 1], act)
        return average_pool(x, self.signature.pool)

    def _activation(self, stage: int, numbers: TracedNumbers) -> "_StageActivation":
        choice, live = numbers["stage_activation"][stage], numbers["channels"][stage]
        return _StageActivation(self.choices.stages[stage], choice, live)

    def _block(
        self,
        x: Array,
        name: str,
        block: ConvShape,
        before: AnyArray,
        after: AnyArray,
        act: "_StageActivation",
    ) -> Array:
        """A residual block; before, after: its true channels."""
        (w, b), (second, c), (p, d) = (
            (self.params[f"{name}.{part}.kernel"], self._conv_bias(f"{name}.{part}"))
            for part in ("conv1", "conv2", "conv_proj")
        )
        live, inside = jnp.stack([before, after]), jnp.stack([after, after])
        options = {"stride": block.stride, "padding": block.padding}
        y, shortcut = conv_and_projection(x, w, p, (b, d), live, **options)
        y = self._norm_maps(y, name, "1", after, relu=act.is_relu)
        y = y if act.is_relu else act(y)
        y = conv(y, second, c, inside, padding=block.padding)
        y = self._norm_maps(y, name, "2", after)
        return act(y + self._norm_maps(shortcut, name, "_proj", after))

    def _conv_bias(self, name: str) -> Array | None:
        """None in training, where batch norm removes it again."""
        return None if self.train else self.params[f"{name}.bias"]

    def _norm_maps(
        self, x: Array, block: str, which: str, live: AnyArray, relu: bool = False
    ) -> Array:
        """The batch norm behind one convolution of a block.

        In training the convolution's bias shows in the running mean alone, and its gradient is
        exactly zero.
        """
        norm = f"{block}.bn{which}"
        if self.train:
            bias = self.params[f"{block}.conv{which}.bias"]
            return self._norm_batch(x, norm, bias, relu, live)
        y = self._norm_running(x, norm)
        return jax.nn.relu(y) if relu else y

    def _mlp_layer(self, x: Array, i: int, numbers: TracedNumbers, key: Array | None) -> Array:
        name, choices = f"mlp.{i}", self.choices.layers[i]
        kernel = self.params[f"{name}.linear.kernel"]
        x = kernel.reshape(kernel.shape[0], -1) @ x + self.params[f"{name}.linear.bias"][:, None]
        if True in choices.norms:
            norm = partial(self._norm_batch, bias=0.0) if self.train else self._norm_running
            normal = norm(x, f"{name}.bn")
            x = jnp.where(numbers["batch_norm"][i], normal, x) if False in choices.norms else normal
        live = jnp.arange(x.shape[0]) < numbers["units"][i]
        x = activate(x, choices.activations, numbers["activation"][i], live)
        if key is not None and choices.dropout:
            x = dropout(x, numbers["dropout"][i], jax.random.fold_in(key, jnp.uint32(i)))
        return x

    def _norm_batch(
        self,
        x: Array,
        name: str,
        bias: Array | float,
        relu: bool = False,
        live: AnyArray | None = None,
    ) -> Array:
        scale, shift = self.params[f"{name}.scale"], self.params[f"{name}.shift"]
        y, mean, var = normalise(x, scale, shift, 0, relu, live)
        count = x.size // x.shape[0]
        for part, new in (("mean", mean + bias), ("var", unbiased(var, count))):
            self.new_stats[f"{name}.{part}"] = running(self.stats[f"{name}.{part}"], new)
        return y

    def _norm_running(self, x: Array, name: str) -> Array:
        p, s = self.params, self.stats
        return normalise_by(
            x, s[f"{name}.mean"], s[f"{name}.var"], p[f"{name}.scale"], p[f"{name}.shift"], 0
        )


class _StageActivation(NamedTuple):
    """The activation of one stage of maps, chosen by a traced number; live: its true channels."""

    names: tuple[str, ...]
    choice: Array
    live: Array

    @property
    def is_relu(self) -> bool:
        """Whether all members have relu, which the batch norm before it does at no cost."""
        return self.names == ("relu",)

    def __call__(self, x: Array) -> Array:
        return activate(x, self.names, self.choice, jnp.arange(x.shape[0]) < self.live)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Negative log-likelihood of each image: logits [K, B], labels [B] -> [B]."""
    picked = jnp.take_along_axis(logits, labels[None], 0)[0]
    return jax.nn.logsumexp(logits, 0) - picked


def correct(logits: Array, labels: Array) -> Array:
    """Whether each image is classified right: [B] bool; a network that gives NaN is never right."""
    return (jnp.argmax(logits, 0) == labels) & jnp.isfinite(logits).all(0)
