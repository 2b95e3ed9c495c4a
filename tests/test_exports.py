"""Trained networks in the forms of other programs: what these compute is what the network does."""

import importlib.util
import json

import jax
import numpy as np
import pytest

import hptjax
from hptjax.config.model import read_model
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.exports.torch import source_path
from hptjax.models import init_variables
from hptjax.models.keys import root_key
from hptjax.ops.activations import ACTIVATIONS
from hptjax.transpile import build
from tests import nets

IMAGE = (9, 8, 3)
EVERY = [row.word for row in ACTIVATIONS.rows() if row.package == "hptjax"]
OF_MAPS = [word for word in EVERY if word != "logsoftmax"]
FLAT = ["flatten", "head"]
LAYERS = {
    "paddings": [
        {"conv": {"out_channels": 4, "kernel_size": [3, 4], "stride": 2}},
        {"conv": {"out_channels": 3, "kernel_size": 3, "padding": 1, "dilation": 2}},
        {"conv": {"out_channels": 5, "kernel_size": 2, "padding": 0, "norm": "batch"}},
        *FLAT,
    ],
    "depthwise": [
        {"depthwise": {"kernel_size": 4, "stride": 2, "norm": {"group": 3}, "activation": "relu"}},
        {"separable": {"out_channels": 6, "dilation": 2, "norm": "layer", "dropout": 0.3}},
        "global_avg_pool",
        "head",
    ],
    "residuals": [
        "normalize",
        {"residual": {"out_channels": 5, "stride": 2, "label": "train"}},
        {"residual": {"out_channels": 3, "stride": 2, "shortcut": "identity"}},
        {"residual": {"out_channels": 7, "shortcut": "identity", "norm": "instance"}},
        {"residual": {"depth": 2, "out_channels": 7, "kernel_size": 2, "activation": "silu"}},
        *FLAT,
    ],
    "pools": [
        {"max_pool": {"size": 3, "stride": 1, "padding": "same"}},
        {"max_pool": {"size": 4, "stride": 2, "padding": "same"}},
        {"max_pool": {"size": 3, "stride": 1, "padding": 1}},
        {"avg_pool": 2},
        *FLAT,
    ],
    "norms": [
        "batch_norm",
        {"conv": 4},
        "layer_norm",
        {"group_norm": 2},
        "instance_norm",
        "flatten",
        {"linear": {"out_features": 8, "norm": {"group": 2}, "activation": "logsoftmax"}},
        {"linear": {"out_features": 6, "norm": "batch", "dropout": 0.5, "label": "class"}},
        "layer_norm",
        {"dropout": 0.5},
        "head",
    ],
    "functions": [{"conv": 4}, *({"activation": word} for word in OF_MAPS), *FLAT],
}


def network(config, image) -> hptjax.Network:
    """An untrained network whose norms have statistics, too."""
    names = tuple(f"class {k}" for k in range(config.outputs))
    keys = iter(jax.random.split(jax.random.key(5), 200))
    variables = jax.tree.map(
        lambda leaf: np.asarray(leaf * jax.random.uniform(next(keys), leaf.shape, minval=0.7) + 0.1),
        init_variables(config, root_key(3)),
    )
    assert config.image == image
    return hptjax.Network(config, variables, {}, names)


def native(layers) -> hptjax.Network:
    images = np.random.default_rng(0).integers(0, 256, (12, *IMAGE), np.uint8)
    data = hptjax.ImageDataset(images, np.arange(12) % 3)
    study = hptjax.StudyData(data, data)
    repaired = build(read_model({"layers": layers}), study.image)
    assert repaired.config is not None, repaired.infeasible
    return network(repaired.config, IMAGE)


def bytes_for(net: hptjax.Network, count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *net.input_shape), np.uint8)


def run_onnx(path, images):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return session, dict(zip(names, session.run(None, {"images": images}), strict=True))


def module_of(path):
    spec = importlib.util.spec_from_file_location("exported_net", source_path(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_torch(path, images):
    import torch

    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        return module_of(path).load()(x).numpy()


def check_onnx(net, folder):
    pytest.importorskip("onnx")
    images, path = bytes_for(net), folder / "net.onnx"
    net.export(path)
    _, found = run_onnx(path, images)
    np.testing.assert_allclose(found["logits"], net.logits(images), atol=1e-5, rtol=1e-5)


def check_torch(net, folder):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'hptjax[torch]'")
    images, path = bytes_for(net), folder / "net.pt"
    net.export(path)
    np.testing.assert_allclose(
        run_torch(path, images), net.logits(images), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("check", [check_onnx, check_torch], ids=["onnx", "torch"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=list(LAYERS))
def test_every_layer_gives_what_it_gave(layers, check, tmp_path):
    check(native(layers), tmp_path)


@pytest.mark.parametrize("check", [check_onnx, check_torch], ids=["onnx", "torch"])
def test_the_networks_of_the_original_give_what_they_gave(check, tmp_path):
    for k, config in enumerate(nets.mixed()):
        folder = tmp_path / str(k)
        folder.mkdir()
        check(network(config, config.image), folder)
