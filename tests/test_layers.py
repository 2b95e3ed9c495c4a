"""Every layer and every norm keeps the law of padding, and is the same as its Flax module."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.named import part
from hptjax.config.parts import LAYERS, NORMS
from hptjax.data import ImageDataset
from hptjax.data.channels import channel_statistics
from hptjax.models.layers.base import Context, Infeasible
from hptjax.testing import BATCH, MAPS, UNITS, check_module, check_padding

TWO_GROUPS = {"group": 2}
IMAGES = (3, 8, 8)
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


def layer_of(tree):
    return part(LAYERS, tree, "layer").options


def layer(case):
    return layer_of({case.split()[0]: CASES[case]})


def incoming(case):
    units = layer(case).takes == "units" or case.endswith("units")
    return UNITS if units else MAPS


def test_every_layer_and_norm_has_a_case():
    words = {word for word in LAYERS.names() if not LAYERS.find(word, "layers").whole}
    assert {case.split()[0] for case in CASES} == words - {"normalize"}  # images have no padding
    named = [options["norm"] for options in CASES.values() if "norm" in options]
    assert {next(iter(n)) if isinstance(n, dict) else n for n in named} == set(NORMS.names())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_padded_layer_trains_as_the_exact_one_and_its_padding_stays_zero(case):
    check_padding(layer(case), incoming(case), kernels=None if case in BY_KERNELS else False)


@pytest.mark.parametrize("case", CASES)
def test_layer_is_its_flax_module(case):
    check_module(layer(case), incoming(case))


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
def test_layer_says_why_it_cannot_take_its_input(tree, incoming, text):
    with pytest.raises(Infeasible, match=text):
        layer_of(tree).check(incoming)


def test_images_are_normalised_by_the_statistics_of_each_channel():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, *IMAGES[1:], IMAGES[0]), np.uint8)
    images[..., 1] = 7  # one grey: divided by a step of it
    found = channel_statistics(ImageDataset(images, np.arange(20) % 2))
    own = layer_of({"normalize": {"mean": list(found.mean), "std": list(found.std)}})
    check_module(own, IMAGES)
    x = jnp.asarray(images / np.float32(255)).transpose(3, 1, 2, 0)
    y = np.asarray(own.forward(x, {}, Context(IMAGES, True, None, {})))
    np.testing.assert_allclose(y.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((1, 2, 3))[[0, 2]], 1, atol=1e-5)
    with pytest.raises(Infeasible, match="number for each of the 3 channels, got 1"):
        layer_of({"normalize": {"mean": [0.5], "std": [1.0]}}).check(IMAGES)
