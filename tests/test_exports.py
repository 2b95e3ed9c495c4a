"""Trained networks in the forms of other programs: what these compute is what the network does."""

import dataclasses
import importlib.util
import json
import sys
from functools import cache

import numpy as np
import pytest

import hptjax
from hptjax.config.model import read_model
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.exports.graph import names_table
from hptjax.exports.lower import lowered
from hptjax.exports.onnx import write_ensemble
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
        else rng.uniform(-1, 1, kind.shape).astype(np.float32) / np.float32(kind.fan_in**0.5)
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
    import torch  # pyright: ignore[reportMissingImports]

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


def test_an_onnx_file_takes_any_batch_and_says_what_it_is(tmp_path):
    onnx = pytest.importorskip("onnx")
    net, path = native("pools"), tmp_path / "net.onnx"
    net.export(path)
    for count in (1, 7):
        images = bytes_for(net, count)
        session, found = run_onnx(path, images)
        assert found["logits"].shape == (count, 3)
        np.testing.assert_allclose(found["probabilities"], net.predict_proba(images), atol=1e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["class_names"]) == ["class 0", "class 1", "class 2"]
    assert json.loads(told["preprocess"])["height"] == 9
    net.export(path, input="float32")
    images = bytes_for(net)
    _, found = run_onnx(path, (images / 255).astype(np.float32))
    np.testing.assert_allclose(found["logits"], logits_of(net), atol=1e-5)
    names = {row["torch"] for row in json.loads(told["names"])}
    assert names == {array.name for array in onnx.load(path).graph.initializer} & names
    with pytest.raises(ConfigError, match="input must be uint8 or float32, got 'int8'"):
        net.export(path, input="int8")


def test_an_ensemble_is_one_file_of_averaged_probabilities(tmp_path):
    onnx = pytest.importorskip("onnx")
    members = [native(name) for name in ("residuals", "norms", "pools")]
    ensemble, path = hptjax.Ensemble(members, [3, 1, 0]), tmp_path / "net.onnx"
    write_ensemble(ensemble, path)
    for count in (1, 6):
        images = bytes_for(members[0], count)
        _, found = run_onnx(path, images)
        assert list(found) == ["probabilities"]
        np.testing.assert_allclose(
            found["probabilities"], ensemble.predict_proba(images), atol=1e-5
        )
    arrays = [array.name for array in onnx.load(path).graph.initializer]
    assert len(set(arrays)) == len(arrays)
    three = hptjax.Ensemble([members[0], _of_three_classes(originals()[0])], [1, 1])
    with pytest.raises(ConfigError, match=r"the networks take images \(9, 8, 3\) and \(12, 12, 1"):
        write_ensemble(three, path)


def _of_three_classes(net: hptjax.Network) -> hptjax.Network:
    return dataclasses.replace(net, class_names=native("pools").class_names)


def test_the_table_of_names_tells_how_axes_turn():
    net = native("residuals")
    table = {row["torch"]: row for row in names_table(lowered(net.config, net.variables))}
    row = table["train_conv1.weight"]
    assert row["flax"] == "params/train/conv1/kernel"
    assert (row["axes"], row["shape"]) == ("HWIO -> OIHW", [5, 3, 3, 3])
    assert table["head.weight"]["axes"] == "IN, OUT -> OUT, IN"
    other = native("norms")  # a layer has the label `class`, which Python keeps for itself
    names = {row["torch"] for row in names_table(lowered(other.config, other.variables))}
    assert {"class_.weight", "class_norm.bias"} <= names
    assert table["train_norm1.running_var"]["flax"] == "batch_stats/train/norm1/var"


def test_the_source_of_a_pt_file_overwrites_nothing_of_others(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'hptjax[torch]'")
    net, path = native("pools"), tmp_path / "3-nets.pt"
    net.export(path)
    net.export(path)
    assert source_path(path).name == "_3_nets_net.py"
    assert list(net.class_names) == module_of(path).CLASS_NAMES
    source_path(path).write_text("mine = 1\n")
    with pytest.raises(ConfigError, match=r"_3_nets_net\.py is there already, and not of hptjax"):
        net.export(path)


@pytest.mark.parametrize(("ending", "extra"), [("onnx", "onnx"), ("pt", "torch")])
def test_without_its_library_an_export_names_the_extra(ending, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'hptjax\[{extra}\]'"):
        native("pools").export(tmp_path / f"net.{ending}")


def test_what_has_no_other_form_is_refused_in_a_line(tmp_path):
    pytest.importorskip("onnx")
    own = {"flax": {"module": "hptjax.nn.convnext:ConvNeXt", "width": 4, "blocks": 1}}
    config = read_model({**own, "input": list(IMAGE), "outputs": 3})
    net = hptjax.Network(config, {}, {}, ("a", "b", "c"))
    with pytest.raises(ConfigError, match=r"can be exported as \.safetensors alone"):
        net.export(tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=r"must end in \.safetensors, \.onnx or \.pt"):
        net.export(tmp_path / "net.h5")


def test_a_safetensors_file_says_what_is_done_to_images(tmp_path):
    net, path = native("residuals"), tmp_path / "net.safetensors"
    net.export(path)
    again = hptjax.load_network(path)
    assert again.class_names == net.class_names
    assert again.trial["preprocess"] == net.preprocess.to_dict()
    assert again.trial["preprocess"]["mean"] == list(net.preprocess.mean)
    np.testing.assert_array_equal(again.logits(bytes_for(net)), logits_of(net))
