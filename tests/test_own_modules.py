"""A user's own Flax class as a layer: it computes what Flax and optax compute."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.traverse_util import flatten_dict

import hptjax.nn as hnn
from hptjax.errors import CodeError, ConfigError
from hptjax.models.layers.base import Context, Infeasible
from hptjax.models.layers.own import FlaxNetwork
from tests import own_nets

IMAGE = (3, 8, 8)
LR = 0.1
KEY = partial(jax.random.key, 5)
FAST = {"xla_backend_optimization_level": 0}  # half the compile time; the sums are the same


def layer(name: str, outputs: int = 5, **tree) -> FlaxNetwork:
    read = FlaxNetwork.from_tree({"module": f"tests.own_nets:{name}", **tree}, "model.flax")
    return read.bound({"outputs": outputs})


def batch(i: int = 0, size: int = 6):
    key = jax.random.fold_in(jax.random.key(9), i)
    return jax.random.normal(key, (size, 8, 8, 3)), jnp.arange(size) % 5


def loss_of(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def trained(own: FlaxNetwork, steps: int):
    """Weights and statistics after steps of plain SGD through `forward`."""
    drawn = jax.jit(own.initial, static_argnums=1)(KEY(), IMAGE)
    weights = {name: drawn[name] for name in own.weights(IMAGE)}
    statistics = {name: drawn[name] for name in own.statistics(IMAGE)}

    @partial(jax.jit, compiler_options=FAST)
    def step(weights, statistics, x, y, key, numbers):
        def loss(weights):
            context = Context(IMAGE, True, key, statistics, first=True)
            logits = own.bound(numbers).forward(x.transpose(3, 1, 2, 0), weights, context)
            return loss_of(logits.T, y), context.new_statistics

        gradients, statistics = jax.grad(loss, has_aux=True)(weights)
        return jax.tree.map(lambda w, g: w - LR * g, weights, gradients), statistics

    for i in range(steps):
        key = jax.random.fold_in(KEY(), i)
        weights, statistics = step(weights, statistics, *batch(i), key, own.numbers())
    return weights, statistics


def trained_by_flax(module, steps: int, train: dict, **numbers):
    """Takes the same steps with `module.apply` and optax."""
    eval_mode = {name: not value for name, value in train.items()}
    tree = jax.jit(partial(module.init, **eval_mode, **numbers))(KEY(), batch()[0])
    params, statistics = tree["params"], tree["batch_stats"]
    optimizer = optax.sgd(LR)
    state = optimizer.init(params)

    @partial(jax.jit, compiler_options=FAST)
    def step(params, statistics, state, x, y, key):
        def loss(params):
            variables = {"params": params, "batch_stats": statistics}
            given = {"rngs": {"dropout": key}, "mutable": ["batch_stats"], **train, **numbers}
            logits, new = module.apply(variables, x, **given)
            return loss_of(logits, y), new["batch_stats"]

        gradients, statistics_ = jax.grad(loss, has_aux=True)(params)
        updates, state_ = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), statistics_, state_

    for i in range(steps):
        key = jax.random.fold_in(KEY(), i)
        params, statistics, state = step(params, statistics, state, *batch(i), key)
    return flatten_dict(params, sep="."), flatten_dict(statistics, sep=".")


def assert_same(got, want):
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("own", "module", "train", "numbers"),
    [
        (
            layer("Plain", widths=[6], call={"scale": 0.5}),
            own_nets.Plain(5, (6,)),
            {"train": True},
            {"scale": 0.5},
        ),
        (
            layer("Ours", width=4, call={"dropout": 0.25}),
            own_nets.Ours(5, 4),
            {"deterministic": False},
            {"dropout": 0.25},
        ),
    ],
    ids=["plain Flax", "hptjax.nn"],
)
def test_five_steps_of_a_linen_network_are_those_of_flax_and_optax(own, module, train, numbers):
    own.check(IMAGE)
    weights, statistics = trained(own, 5)
    want, kept = trained_by_flax(module, 5, train, **numbers)
    assert_same(weights, want)
    assert_same(statistics, kept)
    assert {n: w.shape for n, w in own.weights(IMAGE).items()} == {
        n: w.shape for n, w in want.items()
    }


def test_five_steps_of_an_nnx_network_are_those_of_nnx_and_optax():
    weights, statistics = trained(layer("Nnx", width=6), 5)
    rngs = nnx.Rngs(KEY(), params=KEY(), dropout=KEY())
    model = own_nets.Nnx(3, 5, 6, rngs=rngs)
    model.train()
    optimizer = nnx.Optimizer(model, optax.sgd(LR), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer, x, y):
        optimizer.update(model, nnx.grad(lambda model: loss_of(model(x), y))(model))

    for i in range(5):
        nnx.reseed(model, dropout=jax.random.fold_in(KEY(), i))
        step(model, optimizer, *batch(i))
    for kind, got in ((nnx.Param, weights), (nnx.BatchStat, statistics)):
        held = nnx.to_flat_state(nnx.state(model, kind))
        assert_same(got, {".".join(map(str, path)): value[...] for path, value in held})


@pytest.mark.parametrize(
    "own", [layer("Plain"), layer("Ours", width=4, call={"dropout": 0.5}), layer("Nnx")]
)
def test_the_exact_module_evaluates_as_the_layer_and_its_variables_have_their_names(own):
    drawn, x = jax.jit(own.initial, static_argnums=1)(KEY(), IMAGE), batch()[0]
    statistics = {name: drawn[name] for name in own.statistics(IMAGE)}
    context = Context(IMAGE, False, None, statistics)
    want = own.forward(x.transpose(3, 1, 2, 0), drawn, context).T
    assert not context.new_statistics
    module = own.module("flax")
    variables = jax.jit(partial(module.init, train=False))(KEY(), x)
    params = flatten_dict(variables["params"], sep=".")
    assert params.keys() == own.weights(IMAGE).keys()
    split = {name: drawn[name] for name in params}
    nested = jax.tree.unflatten(
        jax.tree.structure(variables["params"]), [split[name] for name in sorted(split)]
    )
    given = {"params": nested, "batch_stats": variables["batch_stats"]}
    np.testing.assert_allclose(module.apply(given, x, train=False), want, atol=1e-6)
    y, new = module.apply(given, x, train=True, key=KEY(), mutable=["batch_stats"])
    context = Context(IMAGE, True, KEY(), statistics)
    np.testing.assert_allclose(y, own.forward(x.transpose(3, 1, 2, 0), drawn, context).T, atol=1e-6)
    assert_same(flatten_dict(new["batch_stats"], sep="."), context.new_statistics)


def test_numbers_of_the_call_are_traced_and_cost_no_compilation():
    low, high = (layer("Ours", width=4, call={"dropout": rate}) for rate in (0.0, 0.5))
    assert low.numbers() == {"call.dropout": 0.0}
    assert low != high
    assert low.static() == high.static()
    assert hash(low.static()) == hash(high.static())
    assert high.static() != layer("Ours", width=5, call={"dropout": 0.5}).static()
    bound = low.bound(high.numbers())
    assert bound == high


def test_a_traced_rate_draws_as_flax_does():
    x, streams = jnp.ones((4, 50)), {"dropout": jax.random.key(2)}

    @jax.jit
    def ours(rate):
        return hnn.Dropout(rate, deterministic=False).apply({}, x, rngs=streams)

    for rate in (0.0, 0.3, 0.9):
        want = nn.Dropout(rate, deterministic=False).apply({}, x, rngs=streams)
        np.testing.assert_allclose(ours(rate), want, rtol=3e-7, atol=0)


def test_a_network_is_written_back_as_it_was_read():
    tree = {"module": "tests.own_nets:Plain", "widths": [4, 6], "call": {"scale": 2.0}}
    read = FlaxNetwork.from_tree(tree, "model.flax")
    assert read.to_tree() == tree
    assert FlaxNetwork.model_validate(read.model_dump(mode="json")) == read
    by_class = FlaxNetwork.from_tree({"module": own_nets.Plain}, "model.flax")
    assert by_class.to_tree() == {"module": "tests.own_nets:Plain"}


def test_flops_are_counted_with_and_without_our_kernels():
    counts = layer("Ours", width=4, call={"dropout": 0.5}).flops(IMAGE)
    products = 2 * (4 * 4 * 4 * 27 + 4 * 5)
    assert products < counts < 1.5 * products


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"module": "own_nets"}, "model.flax.module: must be MODULE:CLASS"),
        ({"module": "tests.own_nets:Plane"}, "has no class 'Plane'; did you mean 'Plain'?"),
        ({"module": "math:pi"}, "must be a subclass of flax.linen.Module or flax.nnx.Module"),
        ({"module": "tests.own_nets:Unaware"}, "give it the argument num_classes or outputs"),
        ({"module": "tests.own_nets:Uncallable"}, "must have a method __call__(self, x, ...)"),
        ({"module": "tests.own_nets:Plain", "width": 3}, "model.flax.width: tests.own_nets:Plain"),
        ({"module": "tests.own_nets:Plain", "num_classes": 3}, "it follows from the data"),
        ({"module": "tests.own_nets:Ours"}, "model.flax.width: must be given"),
        ({"module": "tests.own_nets:Ours", "width": 4}, "model.flax.call.dropout: must be given"),
        ({"module": "tests.own_nets:Plain", "call": {"train": 1.0}}, "takes no 'train'"),
        ({"module": "tests.own_nets:Plain", "call": {"scale": "a"}}, "must be a finite number"),
        ({"module": "tests.own_nets:Plain", "widths": {"a": 1}}, "must be a number, a text, true"),
        ({"module": "tests.own_nets:Ours", "width": [4, 8]}, "or {choice: [4, 8]}"),
        ({"width": 4}, "must be a mapping with the class of the network"),
    ],
)
def test_a_config_that_does_not_fit_the_class_is_refused(tree, text):
    with pytest.raises(ConfigError) as error:
        FlaxNetwork.from_tree(tree, "model.flax")
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("own", "kind", "text"),
    [
        (layer("TracedRate", call={"rate": 0.5}), ConfigError, "use hptjax.nn.Dropout"),
        (layer("HalfPrecision"), ConfigError, "Dense_0.bias is bfloat16"),
        (layer("Cached"), ConfigError, "has the collection 'cache' (seen)"),
        (layer("NnxCached"), ConfigError, "seen is a Cache"),
        (layer("OfOtherShape"), ConfigError, "got [2, 8, 8, 5]"),
        (layer("Misspelt"), CodeError, "no attribute 'Denze'; did you mean 'Dense'?"),
        (layer("Failing", depth=2), Infeasible, "ValueError: the maps are too small"),
    ],
)
def test_a_class_that_cannot_be_trained_is_refused_with_the_reason(own, kind, text):
    with pytest.raises(kind) as error:
        own.check(IMAGE)
    assert text in str(error.value)


CALLS = [
    # kernel, strides, padding, and more of conv_general_dilated
    ((3, 3), (1, 1), "SAME", {}),
    ((3, 3), (2, 2), "SAME", {}),
    ((2, 2), (1, 1), "SAME", {}),
    ((4, 4), (3, 3), "VALID", {}),
    ((3, 3), (2, 2), [(2, 0), (1, 1)], {}),
    ((3, 2), (1, 1), "SAME", {}),
    ((3, 3), (1, 1), "SAME", {"rhs_dilation": (2, 2)}),
    ((3, 3), (2, 2), "SAME", {"feature_group_count": 4}),
    ((3, 3), (2, 1), "SAME", {"feature_group_count": 2}),  # lax's own
]


def test_the_bridge_gives_values_and_gradients_of_lax():
    x = jax.random.normal(jax.random.key(1), (2, 9, 8, 4))

    def run(f, kernel, strides, padding, more):
        inputs = 4 // more.get("feature_group_count", 1)
        w = jax.random.normal(jax.random.key(2), (*kernel, inputs, 4))
        options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), **more}
        y, back = jax.vjp(lambda x, w: f(x, w, strides, padding, **options), x, w)
        return y, *back(jax.random.normal(jax.random.key(3), y.shape))

    @partial(jax.jit, compiler_options=FAST)  # one program compiles faster than many
    def both():
        ours, theirs = hnn.conv_general_dilated, jax.lax.conv_general_dilated
        return [(run(ours, *call), run(theirs, *call)) for call in CALLS]

    for call, (ours, theirs) in zip(CALLS, both(), strict=True):
        for got, want in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(got, want, atol=2e-5, err_msg=str(call))


def test_pools_are_those_of_flax():
    x = jax.random.normal(jax.random.key(3), (2, 9, 9, 3))
    calls = [((2, 2), (2, 2), "VALID"), ((3, 3), (2, 2), "SAME"), ((2, 2), None, "VALID")]
    pairs = [(hnn.max_pool, nn.max_pool), (hnn.avg_pool, nn.avg_pool)]
    run = jax.jit(lambda x: [(f(x, *c), g(x, *c)) for f, g in pairs for c in calls])
    for got, want in run(x):
        np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"strides": (2, 1)}, "strides must be the same for rows and columns"),
        ({"feature_group_count": 2}, "feature_group_count must be 1, or both"),
        ({"dtype": jnp.bfloat16}, "numbers must be float32"),
    ],
)
def test_our_conv_refuses_what_has_no_kernel(options, text):
    conv = hnn.Conv(6, (3, 3), **options)
    with pytest.raises(ConfigError, match=text):
        jax.eval_shape(conv.init, KEY(), jnp.zeros((1, 8, 8, 4)))
