"""The parts of a training step as functions by themselves, at the shapes of one body."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.models.choices import choices_of
from hptjax.models.costs import costs_of
from hptjax.models.forward import cross_entropy
from hptjax.models.signature import Body, ConvShape, exact_body, map_sizes
from hptjax.models.weights import weights
from hptjax.ops.conv import conv, conv_and_projection
from hptjax.ops.norm import normalise
from hptjax.ops.numbers import Numbers
from hptjax.ops.pointwise import activate, average_pool, dropout
from hptjax.population import Member, make_plan
from hptjax.population.epoch import initial_state, train_epoch
from hptjax.population.images import EpochInput, to_maps
from hptjax.population.optimizers.adam import Adam
from hptjax.population.pack import place, traced_hparams

from .common import trial1_problem

FORWARD, WEIGHTS = "convolutions, forward", "convolutions, weight gradients"
INPUTS, BOTH = "convolutions, input gradients", "convolutions, both gradients"
STEPS = 12  # of a measurement of the whole step
HPARAMS = {"lr": 0.01, "mlp_out_l0": 96, "mlp_bn_l0": True, "mlp_do_l0": 0.2}


class Part(NamedTuple):
    """Some work on arrays, and how many 10^9 useful operations it is."""

    work: Callable[..., Any]
    operands: tuple
    gflop: float = 0.0


class Layer(NamedTuple):
    """One convolution of a body: shapes of the maps [C, H, W, B] and of the kernel."""

    shape: ConvShape
    x: tuple[int, ...]
    w: tuple[int, ...]
    y: tuple[int, ...]
    input_grad: bool = True

    @property
    def gflop(self) -> float:
        """10^9 operations of the forward pass."""
        return 2e-9 * math.prod(self.w) * math.prod(self.y[1:])


class _Network(NamedTuple):
    """The example that is timed: a member of the trial-1 space at its exact shape."""

    body: Body
    choices: tuple
    member: Member


def network_of(text: str, **others: Any) -> _Network:
    """From "c0,c1,stride"; others: hparams in place of HPARAMS."""
    first, second, stride = (int(number) for number in text.split(","))
    channels = {"resnet_out_channels_l0": first, "resnet_out_channels_l1": second}
    hparams = {**HPARAMS, **others, **channels, "resnet_stride_l0": stride}
    config = trial1_problem().build(hparams).config
    assert config is not None, f"{text} cannot be built"
    return _Network(exact_body(config), choices_of([config]), Member(config, 0))


def step_of(text: str) -> tuple[_Network, Callable[[int], object], float]:
    """The body, a function that trains it for STEPS steps, useful 10^9 operations of one."""
    network = network_of(text)
    body, member = network.body, network.member
    plan = make_plan([member.config])
    table = traced_hparams(plan, [member], place(plan, [member], 1), 1)
    hparams = jax.tree.map(lambda t: jnp.asarray(t[0]), table)
    batch, key = body.signature.batch_size, jax.random.key(0)
    train, labels = _images(STEPS * batch, body)
    given = EpochInput(train, labels, train[:0], labels[:0], key, jnp.uint32(0))
    state = jax.jit(partial(initial_state, body, network.choices))(key, hparams)
    epoch = jax.jit(partial(train_epoch, body, network.choices))

    def run(_: int) -> object:
        return jax.block_until_ready(epoch(state, hparams, given, key))

    return network, run, 1e-9 * costs_of(body).train_flops * batch


def parts_of(network: _Network) -> list[tuple[str, Part]]:
    """What a step consists of: the name of a part, and a piece of it, an operation or few.

    Of the convolutions' gradients, both and that of the weights: the other is the difference.
    """
    body = network.body
    layers = list(_layers(body))
    pieces = [piece for layer in layers for piece in _convolution(layer)]
    pieces += [(BOTH, part) for part in _both_gradients(layers)]
    pieces += [("batch norm", _batch_norm(*norm)) for norm in _normalised(network, layers)]
    pieces += [("elementwise, pool", part) for part in _elementwise(body, layers)]
    linear = 1e-9 * body.signature.batch_size * costs_of(body).forward_flops
    linear -= sum(layer.gflop for layer in layers)
    pieces.append(("MLP and loss", _mlp(network, 3 * linear)))
    size = sum(weight.size for weight in weights(body).values())
    params, grads = _normal((size,)), _normal((size,))
    numbers = {"lr": 1e-3, "weight_decay": 1e-4, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    h = Numbers(**{name: jnp.float32(value) for name, value in numbers.items()}, step=jnp.int32(1))
    adam = Adam()
    update = Part(adam.update, (params, grads, adam.start(params, h), h))
    images = Part(partial(_batch, body), (*_images(STEPS * 64, body), jnp.int32(64)))
    return [*pieces, ("optimiser", update), ("data", images)]


def _layers(body: Body) -> Iterator[Layer]:
    """The first convolution, then three of each block."""
    signature, kinds, sizes = body.signature, weights(body), map_sizes(body.signature)
    height, width, channels = signature.image
    batch = signature.batch_size

    def maps(stage: int) -> tuple[int, ...]:
        return (body.widths.channels[stage], *sizes[stage], batch)

    kernel = kinds["first_conv.kernel"].shape
    yield Layer(signature.first, (channels, height, width, batch), kernel, maps(0), False)
    for i, block in enumerate(signature.blocks):
        before, after = maps(i), maps(i + 1)
        for name, shape, x in (
            ("conv1", block, before),
            ("conv2", ConvShape(block.kernel, 1, block.padding), after),
            ("conv_proj", ConvShape(1, block.stride, (0, 0)), before),
        ):
            yield Layer(shape, x, kinds[f"blocks.{i}.{name}.kernel"].shape, after)


def _convolution(layer: Layer) -> Iterator[tuple[str, Part]]:
    x, w, g = (_normal(shape) for shape in (layer.x, layer.w, layer.y))
    bias = _normal(layer.w[:1])
    yield FORWARD, Part(partial(_conv, layer), (x, w, bias), layer.gflop)
    yield WEIGHTS, Part(partial(_weight_gradient, layer), (x, w, bias, g), layer.gflop)


def _conv(layer: Layer, x: Array, w: Array, bias: Array, *, input_grad: bool = True) -> Array:
    """The first convolution has a bias; behind the others batch norm removes it."""
    shape, wanted = layer.shape, layer.input_grad and input_grad
    options = {"stride": shape.stride, "padding": shape.padding, "input_grad": wanted}
    return conv(x, w, None if layer.input_grad else bias, **options)


def _weight_gradient(layer: Layer, x: Array, w: Array, bias: Array, g: Array) -> Any:
    return jax.vjp(partial(_conv, layer, x, input_grad=False), w, bias)[1](g)


def _both_gradients(layers: list[Layer]) -> Iterator[Part]:
    """Of the first convolution only the weights'; a block's two branches pass back together."""
    first, *blocks = layers
    x, w, bias, g = (_normal(shape) for shape in (first.x, first.w, first.w[:1], first.y))
    yield Part(partial(_weight_gradient, first), (x, w, bias, g), first.gflop)

    def alone(layer: Layer, x: Array, w: Array, g: Array) -> Any:
        return jax.vjp(partial(_conv, layer, bias=bias), x, w)[1](g)

    def together(layer: Layer, x: Array, w: Array, p: Array, g: Array) -> Any:
        options = {"stride": layer.shape.stride, "padding": layer.shape.padding}
        return jax.vjp(partial(conv_and_projection, **options), x, w, p)[1]((g, g))

    for one, two, projection in zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True):
        arrays = tuple(_normal(shape) for shape in (one.x, one.w, projection.w, one.y))
        yield Part(partial(together, one), arrays, 2 * (one.gflop + projection.gflop))
        arrays = tuple(_normal(shape) for shape in (two.x, two.w, two.y))
        yield Part(partial(alone, two), arrays, 2 * two.gflop)


def _normalised(network: _Network, layers: list[Layer]) -> Iterator[tuple[tuple[int, ...], bool]]:
    """The shapes of what batch norm normalises, and whether relu follows within it."""
    units, batch = network.body.widths.units, network.body.signature.batch_size
    for k, layer in enumerate(layers[1:]):
        yield layer.y, k % 3 == 0
    for count, choices in zip(units, network.choices, strict=True):
        if True in choices.norms:
            yield (count, batch), False


def _batch_norm(shape: tuple[int, ...], relu: bool) -> Part:
    """Forward and backward."""

    def work(x: Array, g: Array, scale: Array) -> Any:
        (y, mean, var), back = jax.vjp(partial(normalise, axis=0, relu=relu), x, scale, scale)
        return y, mean, var, back((g, jnp.zeros_like(mean), jnp.zeros_like(var)))

    return Part(work, (_normal(shape), _normal(shape), jnp.ones(shape[0])))


def _elementwise(body: Body, layers: list[Layer]) -> Iterator[Part]:
    """The sum and last relu of each block, the pool: forward and backward."""

    def join(a: Array, b: Array) -> Array:
        return jax.nn.relu(a + b)

    def both_ways(forward: Callable[..., Any], *arrays: Array) -> Part:
        def work(g: Any, *arrays: Array) -> Any:
            out, back = jax.vjp(forward, *arrays)
            return out, back(g)

        shapes = jax.eval_shape(forward, *arrays)
        return Part(work, (jax.tree.map(lambda s: _normal(s.shape), shapes), *arrays))

    for layer in layers[1::3]:
        yield both_ways(join, *(_normal(layer.y) for _ in range(2)))
    yield both_ways(partial(average_pool, size=body.signature.pool), _normal(layers[-1].y))


def _mlp(network: _Network, gflop: float) -> Part:
    """Linear layers, activations, dropout and cross-entropy, forward and backward; no norms."""
    body, choices = network.body, network.choices
    kinds = weights(body)
    names = [f"mlp.{i}.linear" for i in range(body.signature.depth)]
    params = [[_normal(kinds[f"{n}.{kind}"].shape) for kind in ("kernel", "bias")] for n in names]
    inputs, batch = kinds[f"{names[0]}.kernel"].size // body.widths.units[0], 64
    x, labels = _normal((inputs, batch)), jnp.arange(batch) % body.widths.units[-1]

    def loss(params: Any, x: Array, labels: Array, key: Array) -> Array:
        for i, (kernel, bias) in enumerate(params):
            x = kernel.reshape(kernel.shape[0], -1) @ x + bias[:, None]
            live = jnp.ones(x.shape[0], bool)
            x = activate(x, choices[i].activations, jnp.int32(0), live)
            if choices[i].dropout:
                x = dropout(x, jnp.float32(0.2), jax.random.fold_in(key, i))
        return cross_entropy(x, labels).mean()

    work = jax.value_and_grad(loss, argnums=(0, 1))
    return Part(work, (params, x, labels, jax.random.key(1)), gflop)


def _batch(body: Body, train: Array, labels: Array, start: Array) -> tuple[Array, Array]:
    """What a step does to get its images; augmenting and shuffling are done once an epoch."""
    size = body.signature.batch_size
    x = lax.dynamic_slice_in_dim(train, start, size)
    return to_maps(x, body.signature.image), lax.dynamic_slice_in_dim(labels, start, size)


def _images(count: int, body: Body) -> tuple[Array, Array]:
    """Noise of bytes [count, C*H*W], and labels."""
    key, size = jax.random.key(2), math.prod(body.signature.image)
    images = jax.random.randint(key, (count, size), 0, 256, jnp.uint8)
    return images, jax.random.randint(key, (count,), 0, body.widths.units[-1])


def _normal(shape: tuple[int, ...]) -> Array:
    return jax.random.normal(jax.random.key(len(shape)), shape)
