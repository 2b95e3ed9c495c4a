"""The networks, with every kind of layer, that `exactness` trains, as functions of the width."""

from typing import Any

from hptjax.config.model import Model
from tests.nets import SIZE, config

HEAVY = {"sgd": {"momentum": 0.9, "nesterov": True}}


def network(*layers: Any) -> Model:
    tree = {"layers": [*layers, "head"], "optimizer": HEAVY, "lr": 0.05, "batch_size": 16}
    return Model.from_dict({**tree, "input": [SIZE, SIZE, 1], "outputs": 10})


def bands(width: int) -> Any:
    """Convolutions with various kernels and strides, which bands compute."""
    conv = {"out_channels": width, "activation": "relu"}
    return network(
        {"conv": {**conv, "kernel_size": 3}},
        {"conv": {**conv, "kernel_size": 5, "stride": 2}},
        {"conv": {**conv, "kernel_size": [2, 3], "dilation": 2, "activation": "tanh"}},
        {"conv": {**conv, "kernel_size": 3, "stride": 3}},
        "flatten",
    )


def norms(width: int) -> Any:
    conv = {"out_channels": width, "activation": "relu"}
    linear = {"out_features": width, "norm": "batch", "activation": "gelu"}
    return network(
        {"conv": {**conv, "norm": "batch"}},
        {"conv": {**conv, "norm": "layer", "stride": 2}},
        "flatten",
        {"linear": linear},
    )


def group_norm(width: int) -> Any:
    conv = {"out_channels": 2 * width, "norm": {"group": 2}, "activation": "gelu"}
    return network({"conv": conv}, {"conv": {**conv, "stride": 2}}, "global_avg_pool")


def depthwise(width: int) -> Any:
    return network(
        {"conv": {"out_channels": width, "kernel_size": 1, "activation": "tanh"}},
        {"depthwise": {"kernel_size": 5, "norm": "batch", "activation": "relu"}},
        {"separable": {"out_channels": width, "stride": 2, "activation": "silu"}},
        "global_avg_pool",
    )


def pools(width: int) -> Any:
    conv = {"conv": {"out_channels": width, "activation": "softplus"}}
    return network(conv, {"max_pool": 2}, conv, {"avg_pool": 2}, conv, "global_avg_pool")


def linear(width: int) -> Any:
    layer = {"out_features": 2 * width, "activation": "elu", "dropout": 0.3}
    return network("flatten", {"linear": layer}, {"linear": {**layer, "activation": "sigmoid"}})


def original(width: int) -> Any:
    """The original study's network: two residual blocks and an MLP."""
    own = config(channels=(width, width + 1), units=width + 5, dropout=0.2)
    return own.model_copy(update={"optimizer": HEAVY, "lr": 0.02})


def deep(width: int) -> Any:
    """A list of layers with blocks, norms, dropout of whole maps and a head."""
    stem = {"out_channels": 2 * width, "norm": {"group": 2}, "activation": "gelu"}
    block = {"label": "stage", "depth": 2, "out_channels": width, "stride": [2, 1]}
    maps = {"rate": 0.2, "maps": True}
    return network({"conv": stem}, {"residual": block}, {"dropout": maps}, "global_avg_pool")


KINDS = {
    "bands": bands,
    "norms": norms,
    "group norm": group_norm,
    "depthwise": depthwise,
    "pools": pools,
    "linear": linear,
    "the original's": original,
    "layers": deep,
}
