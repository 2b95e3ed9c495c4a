"""Writes each operation of a network in ONNX (operators of version 20)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hptjax.exports.graph import Node
from hptjax.ops.norm import EPSILON

Writer = Any  # of `exports.onnx`: its methods op, constant, tensor


def _pads(node: Node) -> list[int]:
    (top, bottom), (left, right) = node.options["pads"]
    return [top, left, bottom, right]


def _conv(w: Writer, node: Node, x: str) -> str:
    o = node.options
    tensors = [w.tensor(node, role) for role in ("weight", "bias") if role in node.tensors]
    return w.op(
        "Conv",
        x,
        *tensors,
        kernel_shape=list(o["kernel"]),
        strides=[o["stride"]] * 2,
        dilations=[o["dilation"]] * 2,
        group=o["groups"],
        pads=_pads(node),
    )


def _linear(w: Writer, node: Node, x: str) -> str:
    return w.op("Gemm", x, w.tensor(node, "weight"), w.tensor(node, "bias"), transB=1)


def _batch_norm(w: Writer, node: Node, x: str) -> str:
    roles = ("weight", "bias", "running_mean", "running_var")
    tensors = [w.tensor(node, role) for role in roles]
    return w.op("BatchNormalization", x, *tensors, epsilon=EPSILON)


def _group_norm(w: Writer, node: Node, x: str) -> str:
    """Uses instance norm of [N, groups, rest]: older runtimes lack group norm by channel."""
    groups, shape = node.options["groups"], node.shape
    grouped = w.op("Reshape", x, w.constant([0, groups, -1], kind=np.int64))
    plain = w.constant(np.ones(groups)), w.constant(np.zeros(groups))
    y = w.op("InstanceNormalization", grouped, *plain, epsilon=EPSILON)
    y = w.op("Reshape", y, w.constant([-1, *shape], kind=np.int64))
    column = (-1, *(1 for _ in shape[1:]))
    for kind, role in (("Mul", "weight"), ("Add", "bias")):
        tensor = node.tensors[role].value.reshape(column)
        y = w.op(kind, y, w.constant(tensor, f"{node.name}.{role}"))
    return y


def _max_pool(w: Writer, node: Node, x: str) -> str:
    o = node.options
    kernel, strides = list(o["kernel"]), [o["stride"]] * 2
    return w.op("MaxPool", x, kernel_shape=kernel, strides=strides, pads=_pads(node))


def _avg_pool(w: Writer, node: Node, x: str) -> str:
    size = [node.options["kernel"]] * 2
    return w.op("AveragePool", x, kernel_shape=size, strides=size)


def _mean(w: Writer, node: Node, x: str) -> str:
    return w.op("ReduceMean", x, w.constant([2, 3], kind=np.int64), keepdims=0)


def _flatten(w: Writer, node: Node, x: str) -> str:
    return w.op("Flatten", x, axis=1)


def _normalize(w: Writer, node: Node, x: str) -> str:
    for kind, role in (("Sub", "mean"), ("Div", "std")):
        x = w.op(kind, x, w.constant(np.reshape(node.options[role], (1, -1, 1, 1))))
    return x


def _shortcut(w: Writer, node: Node, x: str) -> str:
    """Takes every stride-th pixel; cuts off channels, or adds channels of zeros."""
    stride, (before, after) = node.options["stride"], node.options["channels"]

    def whole(*values: int) -> str:
        return w.constant(values, kind=np.int64)

    far = 2**31 - 1
    ends = whole(min(before, after), far, far)
    x = w.op("Slice", x, whole(0, 0, 0), ends, whole(1, 2, 3), whole(1, stride, stride))
    if after <= before:
        return x
    return w.op("Pad", x, whole(0, 0, 0, 0, 0, after - before, 0, 0), w.constant(0.0))


def _add(w: Writer, node: Node, x: str, y: str) -> str:
    return w.op("Add", x, y)


def _plain(kind: str, **attributes: Any) -> Callable[[Writer, str], str]:
    return lambda w, x: w.op(kind, x, **attributes)


def _clip(low: float, high: float) -> Callable[[Writer, str], str]:
    return lambda w, x: w.op("Clip", x, w.constant(low), w.constant(high))


FUNCTIONS: Mapping[str, Callable[[Writer, str], str]] = {
    "relu": _plain("Relu"),
    "leaky_relu": _plain("LeakyRelu", alpha=0.01),
    "relu6": _clip(0.0, 6.0),
    "elu": _plain("Elu", alpha=1.0),
    "selu": _plain("Selu"),
    "celu": _plain("Celu", alpha=1.0),
    "gelu": _plain("Gelu"),
    "gelu_tanh": _plain("Gelu", approximate="tanh"),
    "silu": lambda w, x: w.op("Mul", x, w.op("Sigmoid", x)),
    "hardswish": _plain("HardSwish"),
    "mish": _plain("Mish"),
    "tanh": _plain("Tanh"),
    "hardtanh": _clip(-1.0, 1.0),
    "sigmoid": _plain("Sigmoid"),
    "hardsigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"),
    "logsoftmax": _plain("LogSoftmax", axis=1),
}


def _activation(w: Writer, node: Node, x: str) -> str:
    return FUNCTIONS[node.options["function"]](w, x)


OPS: Mapping[str, Callable[..., str]] = {
    "activation": _activation,
    "add": _add,
    "avg_pool": _avg_pool,
    "batch_norm": _batch_norm,
    "conv": _conv,
    "flatten": _flatten,
    "group_norm": _group_norm,
    "linear": _linear,
    "max_pool": _max_pool,
    "mean": _mean,
    "normalize": _normalize,
    "shortcut": _shortcut,
}
