"""Every layer and every norm keeps the law of padding, and is the same as its Flax module."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.named import part
from hptjax.config.parts import LAYERS, NORMS
from hptjax.models.layers.base import Context, Infeasible
from hptjax.ops import native
from tests.chains import BATCH, QUICKLY, own_of, start, train, walk

TWO_GROUPS = {"group": 2}
CASES = {
    "conv": {"out_channels": 6, "kernel_size": [3, 2], "stride": 2, "norm": "none"},
    "conv dilated": {"out_channels": 6, "dilation": 2, "dropout": 0.3},
    "conv norm batch": {"out_channels": 6, "stride": 2, "norm": "batch", "activation": "relu"},
    "conv norm layer": {"out_channels": 6, "norm": "layer", "activation": "relu"},
    "conv norm group": {"out_channels": 6, "norm": TWO_GROUPS, "activation": "sigmoid"},
    "conv norm instance": {"out_channels": 6, "norm": "instance", "activation": "silu"},
    "residual": {"out_channels": 8, "stride": 2, "shortcut": "projection"},
    "residual wider": {"out_channels": 8, "shortcut": "identity", "norm": TWO_GROUPS},
    "residual narrower": {"out_channels": 3, "stride": 2, "shortcut": "identity", "norm": "none"},
    "linear": {"out_features": 6, "norm": "batch", "activation": "sigmoid", "dropout": 0.3},
    "linear layer norm": {"out_features": 6, "norm": "layer", "activation": "gelu"},
    "head": {"out_features": 6},
    "flatten": {},
    "avg_pool": {"size": 3},
    "depthwise": {"kernel_size": [2, 3], "stride": 2, "norm": "batch", "dropout": 0.3},
    "separable": {"out_channels": 8, "stride": 2, "norm": "batch", "activation": "softplus"},
    "max_pool": {"size": 3, "stride": 2, "padding": 1},
    "global_avg_pool": {},
    "dropout maps": {"rate": 0.4, "maps": True},
    "activation": {"function": "sigmoid"},
    "activation units": {"function": "logsoftmax"},
    "batch_norm": {},
    "layer_norm": {},
    "group_norm": {"groups": 3},
    "group_norm units": {"groups": 2},
    "instance_norm": {},
}
BY_KERNELS = ("conv norm batch", "residual", "residual wider", "separable", "batch_norm")
# its slope at 0 is not 0: a gradient that reaches padding before it would wake weights
STEM = {"conv": {"out_channels": 6, "kernel_size": 1, "activation": "tanh"}}


def layer_of(tree):
    return part(LAYERS, tree, "layer").options


def layer(case):
    return layer_of({case.split()[0]: CASES[case]})


def chain(case):
    """The layer between others, of which the last reads its padding, too; and its place."""
    own = layer(case)
    units = own.takes == "units" or case.endswith("units")
    before = [STEM, "global_avg_pool"] if units else [STEM]
    behind = [
        *(() if units or own.gives == "units" else ["flatten"]),
        {"head": {"out_features": 4}},
    ]
    return [*map(layer_of, before), own, *map(layer_of, behind)], len(before)


def test_every_layer_and_norm_has_a_case():
    assert {case.split()[0] for case in CASES} == set(LAYERS.names())
    named = [options["norm"] for options in CASES.values() if "norm" in options]
    assert {next(iter(n)) if isinstance(n, dict) else n for n in named} == set(NORMS.names())


@pytest.mark.parametrize("case", CASES)
def test_padded_layer_trains_as_the_exact_one_and_its_padding_stays_zero(case):
    layers, _ = chain(case)
    for kind, incoming, _ in walk(layers):
        kind.check(incoming)
    exact = train(layers, wide=False, kernels=False)
    shapes = [out for *_, out in walk(layers)]
    by_kernels = case in BY_KERNELS and native.available()
    for kernels in (False, True) if by_kernels else (False,):
        wide = train(layers, wide=True, kernels=kernels)
        for name, want in exact.arrays.items():
            live = tuple(map(slice, want.shape))
            got = wide.arrays[name].copy()
            np.testing.assert_allclose(got[live], want, atol=1e-6, err_msg=name)
            got[live] = 0
            assert not got.any(), name
        for tensors in (wide.outputs, wide.cotangents):
            assert not any(a[shape[0] :].any() for a, shape in zip(tensors, shapes, strict=True))


def to_flax(weights, statistics):
    tree = {"params": {}, "batch_stats": {}}
    for group, arrays in (("params", weights), ("batch_stats", statistics)):
        for name, value in arrays.items():
            *path, leaf = name.split(".")
            node = tree[group]
            for step in path:
                node = node.setdefault(step, {})
            order = {4: (1, 2, 3, 0), 2: (1, 0)}.get(value.ndim, (0,))
            node["bias" if leaf == "shift" else leaf] = value.transpose(order)
    return {group: arrays for group, arrays in tree.items() if arrays}


def images_first(x):
    return jnp.moveaxis(x, (0, -1), (-1, 0))


@pytest.mark.parametrize("case", CASES)
def test_layer_is_its_flax_module(case):
    layers, place = chain(case)
    own, incoming, _ = list(walk(layers))[place]
    rng, key, module = np.random.default_rng(1), jax.random.key(2), own.module()
    x = jnp.asarray(rng.normal(size=(*incoming, BATCH)), jnp.float32)
    weights, stats = (own_of(start(layers, what, rng), place) for what in ("weights", "statistics"))
    variables = to_flax(weights, stats)

    @partial(jax.jit, compiler_options=QUICKLY)
    def both(x, weights, stats, variables):
        context = Context(incoming, True, key, stats)
        ours = own.forward(x, weights, context), context.new_statistics
        theirs, new = module.apply(
            variables, images_first(x), train=True, key=key, mutable=["batch_stats"]
        )
        still = own.forward(x, weights, Context(incoming, False, None, stats))
        plain = module.apply(variables, images_first(x), train=False)
        ours = *map(images_first, (ours[0], still)), to_flax({}, ours[1])
        return ours, (theirs, plain, dict(new))

    ours, theirs = both(x, weights, stats, variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), ours, theirs)
    fresh = jax.eval_shape(lambda: module.init(key, images_first(x), train=False))
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, variables)


def test_dropout_of_maps_drops_whole_maps():
    own, key = layer("dropout maps"), jax.random.key(3)
    x = jnp.ones((6, 4, 3, BATCH))
    y = np.asarray(own.forward(x, {}, Context((6, 4, 3), True, key, {})))
    assert (y == y[:, :1, :1]).all()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.6)}


MISFITS = [
    ({"group_norm": {"groups": 4}}, (6, 8, 8), "6 channels cannot be split into 4 equal groups"),
    ({"conv": {"out_channels": 6, "norm": {"group": 4}}}, (8, 8, 8), "6 channels cannot"),
    ({"separable": {"out_channels": 6, "norm": {"group": 4}}}, (8, 8, 8), "6 channels cannot"),
    ({"residual": {"out_channels": 6, "norm": {"group": 4}}}, (8, 8, 8), "6 channels cannot"),
    ({"depthwise": {"norm": {"group": 4}}}, (6, 8, 8), "6 channels cannot"),
    ({"linear": {"out_features": 6, "norm": "instance"}}, (8,), "each number by itself"),
    ("instance_norm", (6, 1, 1), "each number by itself"),
    ("layer_norm", (1,), "each number by itself"),
    ({"depthwise": {"kernel_size": [3, 9], "padding": 0}}, (6, 8, 8), "reaches over 9 pixels"),
    ({"max_pool": 5}, (6, 8, 4), "8 x 4, too small for windows of 5"),
    ({"max_pool": {"size": 3, "padding": 2}}, (6, 8, 8), "more than half"),
    ({"dropout": {"rate": 0.5, "maps": True}}, (6,), "units come in"),
    ({"activation": "logsoftmax"}, (6, 8, 8), "looks across units"),
]


@pytest.mark.parametrize(("tree", "incoming", "text"), MISFITS)
def test_layer_says_why_it_cannot_take_what_comes_in(tree, incoming, text):
    with pytest.raises(Infeasible, match=text):
        layer_of(tree).check(incoming)
