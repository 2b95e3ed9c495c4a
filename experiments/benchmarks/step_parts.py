"""The parts of a training step as separate functions, at the shapes of one body."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.config.recipe import Precision
from hptjax.models.choices import Choices, choices_of
from hptjax.models.costs import costs_of
from hptjax.models.forward import cross_entropy
from hptjax.models.layers.base import Context
from hptjax.models.layers.pieces import within
from hptjax.models.numbers import bound_layers
from hptjax.models.signature import NetShape, net_shape, walk
from hptjax.models.weights import statistics, weights
from hptjax.ops.numbers import Numbers
from hptjax.population import Member, make_plan
from hptjax.population.epoch import TracedHparams, initial_state, train_epoch
from hptjax.population.images import EpochInput, to_maps
from hptjax.population.optimizers.adam import Adam
from hptjax.population.pack import place, traced_hparams

from .common import trial1_problem
from .timed import normal

FORWARD, BOTH = "forward", "forward and backward"
STEPS = 12  # steps in a measurement of the whole step
HPARAMS = {"lr": 0.01, "mlp_out_l0": 96, "mlp_bn_l0": True, "mlp_do_l0": 0.2}


class Part(NamedTuple):
    """Some work on arrays, with its useful GFLOP."""

    work: Callable[..., Any]
    operands: tuple
    gflop: float = 0.0


class _Network(NamedTuple):
    """The timed network: a member of the trial-1 space at its exact shape."""

    body: NetShape
    choices: Choices
    member: Member

    @property
    def hparams(self) -> TracedHparams:
        plan = make_plan([self.member.config])
        table = traced_hparams(plan, [self.member], place(plan, [self.member], 1), 1)
        return jax.tree.map(lambda t: jnp.asarray(t[0]), table)


def network_of(text: str, precision: Precision = "float32", **others: Any) -> _Network:
    """The network of "c0,c1,stride"; others: hparams instead of those in HPARAMS."""
    first, second, stride = (int(number) for number in text.split(","))
    channels = {"resnet_out_channels_l0": first, "resnet_out_channels_l1": second}
    hparams = {**HPARAMS, **others, **channels, "resnet_stride_l0": stride}
    config = trial1_problem().build(hparams).config
    assert config is not None, f"{text} cannot be built"
    config = config.model_copy(update={"precision": precision})
    return _Network(net_shape(config), choices_of([config]), Member(config, 0))


def step_of(text: str) -> tuple[_Network, Callable[[int], object], float]:
    """The body, a function that trains it for STEPS steps, and the useful GFLOP of one step."""
    network = network_of(text)
    body = network.body
    choices = network.choices.fitted(Labels())
    batch, key = body.signature.batch_size, jax.random.key(0)
    train, labels = _images(STEPS * batch, body)
    real = jnp.zeros((0, 1), bool)
    given = EpochInput(train, labels, train[:0], labels[:0], real, key, jnp.uint32(0))
    hparams = network.hparams
    state = jax.jit(partial(initial_state, body, choices))(key, hparams)
    epoch = jax.jit(partial(train_epoch, body, choices))

    def run(_: int) -> object:
        return jax.block_until_ready(epoch(state, hparams, given, key))

    return network, run, 1e-9 * costs_of(body).train_flops * batch


class Labels(NamedTuple):
    """The labels of a data set for a task: ten classes."""

    kind: str = "classes"
    num_classes: int = 10
    name: str = "noise"


def parts_of(network: _Network) -> list[tuple[str, Part]]:
    """The parts of a step: names, and parts.

    Each layer has its forward pass, and both passes: the backward pass is the difference.
    """
    body = network.body
    parts = list(_layers(network))
    logits = normal((body.outputs, body.signature.batch_size))
    labels = jnp.arange(logits.shape[1]) % body.outputs
    loss = jax.value_and_grad(lambda x, y: cross_entropy(x, y).mean())
    parts.append(("loss", Part(loss, (logits, labels))))
    size = sum(weight.size for weight in weights(body).values())
    params, grads = normal((size,)), normal((size,))
    numbers = {"lr": 1e-3, "weight_decay": 1e-4, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    h = Numbers(**{name: jnp.float32(value) for name, value in numbers.items()}, step=jnp.int32(1))
    adam = Adam()
    update = Part(adam.update, (params, grads, adam.start(params, h), h))
    images = Part(partial(_batch, body), (*_images(STEPS * 64, body), jnp.int32(64)))
    return [*parts, ("optimizer", update), ("data", images)]


def _layers(network: _Network) -> Iterator[tuple[str, Part]]:
    body, signature = network.body, network.body.signature
    batch, key = signature.batch_size, jax.random.key(1)
    arrays = {name: normal(weight.shape) for name, weight in weights(body).items()}
    running = {name: jnp.ones(weight.shape) for name, weight in statistics(body).items()}
    layers = bound_layers(signature, network.choices, network.hparams.numbers)
    trained = False
    exact = walk(signature.incoming, body.layers)
    for placed, (own, shape) in zip(layers, exact, strict=True):
        context = partial(
            Context, shape, True, key, within(own.name, running), own.stream, first=not trained
        )
        forward = partial(_forward, placed.layer, context)
        x, w = normal((*shape, batch)), within(own.name, arrays)
        kinds = own.layer.weights(shape).values()
        gflop = 2e-9 * batch * sum(weight.pixels * weight.size for weight in kinds)
        g = normal(jax.eval_shape(forward, x, w).shape)
        yield f"{own.name}, {FORWARD}", Part(forward, (x, w), gflop)
        both = partial(_both, forward)
        yield f"{own.name}, {BOTH}", Part(both, (x, w, g), (3 if trained else 2) * gflop)
        trained = trained or gflop > 0


def _forward(layer: Any, context: Callable[[], Context], x: Array, w: Any) -> Array:
    return layer.forward(x, w, context())


def _both(forward: Callable[..., Array], x: Array, w: Any, g: Array) -> Any:
    y, back = jax.vjp(forward, x, w)
    return y, back(g)


def _batch(body: NetShape, train: Array, labels: Array, start: Array) -> tuple[Array, Array]:
    """Gets the images of a step; augmenting and shuffling happen once an epoch."""
    size = body.signature.batch_size
    x = lax.dynamic_slice_in_dim(train, start, size)
    return to_maps(x, body.signature.image), lax.dynamic_slice_in_dim(labels, start, size)


def _images(count: int, body: NetShape) -> tuple[Array, Array]:
    """Random bytes [count, C*H*W], and labels."""
    key, size = jax.random.key(2), math.prod(body.signature.image)
    images = jax.random.randint(key, (count, size), 0, 256, jnp.uint8)
    return images, jax.random.randint(key, (count,), 0, body.outputs)
