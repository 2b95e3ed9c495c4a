"""Trained networks in the forms of other programs: what these compute is what the network does."""

import importlib.util
from functools import cache

import numpy as np
import pytest

import hptjax
from hptjax.config.model import read_model
from hptjax.exports.torch import source_path
from hptjax.models.signature import net_shape
from hptjax.models.variables import exact_variables
from hptjax.models.weights import statistics, weights
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
    body, rng = net_shape(config), np.random.default_rng(5)
    flat = {
        name: rng.uniform(0.5, 1.5, kind.shape).astype(np.float32)
        if kind.fan_in is None
        else rng.uniform(-1, 1, kind.shape).astype(np.float32) / np.sqrt(kind.fan_in)
        for name, kind in (weights(body) | statistics(body)).items()
    }
    assert config.image == image
    return hptjax.Network(config, exact_variables(config, flat), {}, names)


@cache
def native(name: str) -> hptjax.Network:
    layers = LAYERS[name]
    images = np.random.default_rng(0).integers(0, 256, (12, *IMAGE), np.uint8)
    data = hptjax.ImageDataset(images, np.arange(12) % 3)
    study = hptjax.StudyData(data, data)
    repaired = build(read_model({"layers": layers}), study.image)
    assert repaired.config is not None, repaired.infeasible
    return network(repaired.config, IMAGE)


@cache
def originals() -> list[hptjax.Network]:
    """Strides, paddings, norms that are off, activations: the first, and what differs most."""
    configs = nets.mixed()
    return [network(configs[k], configs[k].image) for k in (3, 6)]


@cache
def logits_of(net: hptjax.Network) -> np.ndarray:
    return net.logits(bytes_for(net))


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
    np.testing.assert_allclose(found["logits"], logits_of(net), atol=1e-5, rtol=1e-5)


def check_torch(net, folder):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'hptjax[torch]'")
    images, path = bytes_for(net), folder / "net.pt"
    net.export(path)
    np.testing.assert_allclose(run_torch(path, images), logits_of(net), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("check", [check_onnx, check_torch], ids=["onnx", "torch"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_gives_what_it_gave(name, check, tmp_path):
    check(native(name), tmp_path)


@pytest.mark.parametrize("check", [check_onnx, check_torch], ids=["onnx", "torch"])
def test_the_networks_of_the_original_give_what_they_gave(check, tmp_path):
    for k, net in enumerate(originals()):
        check(net, tmp_path / str(k))
