"""Writes ONNX: the whole network, with the scaling of bytes, for onnxruntime and others.

It is our own writer, on the onnx package: converters of JAX programs read XLA's operations, not our
kernels; here a conv stays a Conv.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from hptjax import __version__
from hptjax.errors import ConfigError, MissingExtraError, shown
from hptjax.exports.graph import names_table
from hptjax.exports.lower import lowered
from hptjax.exports.onnx_ops import OPS
from hptjax.models.ensemble import Ensemble
from hptjax.models.network import Network
from hptjax.records.files import replace_file

OPSET, IR = 20, 9  # of 2023: all current runtimes read it
_BATCH = "N"
Input = Literal["uint8", "float32"]
_ACTS = {"classes": "Softmax", "labels": "Sigmoid"}  # logits -> probabilities, by task


def write(network: Network, path: Path, *, input: Input = "uint8") -> None:
    """Writes the network as one .onnx file: images [N, H, W, C] -> logits and more [N, K].

    input: bytes from 0 to 255, or floats from 0 to 1. N is free. Outputs: `logits`, and
    `probabilities` if the task has them. The metadata holds class_names, preprocess and the table
    of names, as JSON. Raises ConfigError for a layer that ONNX cannot hold, and MissingExtraError
    without the onnx package.
    """
    _check_input(input, path)
    onnx = _onnx()
    graph = lowered(network.config, network.variables)
    nodes = Writer(onnx)
    nodes.images(network.input_shape, input)
    for node in graph:
        nodes.write(node)
    outputs = nodes.outputs(network)
    told = metadata(network, names_table(graph), input)
    model = _model(onnx, nodes, network, told, input, outputs)
    _save(onnx, model, path)


def write_ensemble(ensemble: Ensemble, path: Path, *, input: Input = "uint8") -> None:
    """Writes an ensemble as one .onnx file; input and errors are those of `write`.

    Its one output is the weighted mean of the networks' `probabilities`, or of their `logits` if
    the task has no probabilities. Raises ConfigError for networks that take images of several
    sizes.
    """
    _check_input(input, path)
    onnx = _onnx()
    total = sum(ensemble.weights)
    members = [
        (network, weight / total)
        for network, weight in zip(ensemble.networks, ensemble.weights, strict=True)
        if weight
    ]
    nodes, names, parts = Writer(onnx), [], []
    first = _of_ours(members[0][0], path)
    nodes.images(first.input_shape, input)
    start, shape = nodes.values["x"], first.input_shape
    for k, (own, weight) in enumerate(members):
        network = _of_ours(own, path)
        if network.input_shape != shape:
            raise ConfigError(
                f"export {path}: the networks take images {shape} and {network.input_shape}; one "
                "file takes those of one size."
            )
        nodes.prefix, nodes.values = f"member{k}.", {"x": start}
        graph = lowered(network.config, network.variables)
        for node in graph:
            nodes.write(node)
        found = nodes.meaning(network, nodes.values["x"])
        parts.append(nodes.op("Mul", found, nodes.constant(weight)))
        names += [{**row, "torch": nodes.prefix + row["torch"]} for row in names_table(graph)]
    output = "logits" if _ACTS.get(first.config.task.options.kind) is None else "probabilities"
    nodes.op("Sum", *parts, into=output)
    told = metadata(first, names, input) | {"weights": json.dumps([w for _, w in members])}
    _save(onnx, _model(onnx, nodes, first, told, input, [output]), path)


def _of_ours(network: Any, path: Path) -> Network:
    if not isinstance(network, Network):
        raise ConfigError(f"export {path}: {shown(network)} is no hptjax.Network.")
    return network


def _check_input(input: str, path: Path) -> None:
    if input not in ("uint8", "float32"):
        raise ConfigError(f"export {path}: input must be uint8 or float32, got {shown(input)}.")


def _save(onnx: ModuleType, model: Any, path: Path) -> None:
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, model.SerializeToString())


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ModuleNotFoundError:
        raise MissingExtraError("export to .onnx", "onnx", "onnx") from None
    return onnx


class Writer:
    """Collects ONNX nodes and constants; each value gets its own name."""

    def __init__(self, onnx: ModuleType) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.values: dict[str, str] = {}  # the present value of each variable of the graph
        self.prefix = ""  # of the arrays' names
        self._count = 0

    def images(self, shape: tuple[int, int, int], kind: Input) -> None:
        """Appends the preprocessing of the input before the first layer."""
        value = "images"
        if kind == "uint8":
            value = self.op("Cast", value, to=self.onnx.TensorProto.FLOAT)
            value = self.op("Div", value, self.constant(255.0))
        self.values["x"] = self.op("Transpose", value, perm=[0, 3, 1, 2])

    def write(self, node: Any) -> None:
        """Appends one operation of the graph."""
        given = [self.values[name] for name in node.of]
        self.values[node.into] = OPS[node.op](self, node, *given)

    def op(self, kind: str, *inputs: str, into: str | None = None, **attributes: Any) -> str:
        """Appends a node; returns the name of its output."""
        self._count += 1
        name = into or f"{kind.lower()}_{self._count}"
        made = self.onnx.helper.make_node(kind, list(inputs), [name], name, **attributes)
        self.nodes.append(made)
        return name

    def constant(self, value: Any, name: str = "", kind: Any = np.float32) -> str:
        """Adds an array to the file; returns its name."""
        self._count += not name
        name = f"{self.prefix}{name}" if name else f"constant_{self._count}"
        array = np.asarray(value, kind)
        self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def tensor(self, node: Any, role: str) -> str:
        """Adds an array of the network, under PyTorch's name; returns its name."""
        return self.constant(node.tensors[role].value, f"{node.name}.{role}")

    def outputs(self, network: Network) -> list[str]:
        """Returns the names of the file's outputs."""
        self.op("Identity", self.values["x"], into="logits")
        if self.meaning(network, "logits", "probabilities") == "logits":
            return ["logits"]
        return ["logits", "probabilities"]

    def meaning(self, network: Network, logits: str, into: str | None = None) -> str:
        """Appends the readable results of logits: probabilities, if the task has them."""
        act = _ACTS.get(network.config.task.options.kind)
        if act is None:
            return logits
        return self.op(act, logits, into=into, **({"axis": 1} if act == "Softmax" else {}))


def _model(
    onnx: ModuleType,
    nodes: Writer,
    network: Network,
    told: Mapping[str, str],
    kind: Input,
    outputs: list[str],
) -> Any:
    """Returns the file's content."""
    helper, types = onnx.helper, onnx.TensorProto
    element = types.UINT8 if kind == "uint8" else types.FLOAT
    shape = [_BATCH, *network.input_shape]
    images = helper.make_tensor_value_info("images", element, shape)
    given = [
        helper.make_tensor_value_info(name, types.FLOAT, [_BATCH, network.config.outputs])
        for name in outputs
    ]
    whole = helper.make_graph(nodes.nodes, "hptjax", [images], given, [*nodes.constants.values()])
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="hptjax",
        producer_version=__version__,
    )
    helper.set_model_props(model, told)
    return model


def metadata(network: Network, names: list[dict[str, Any]], kind: Input) -> dict[str, str]:
    """Returns the file's metadata."""
    told = network.preprocess.to_dict()
    words = "bytes from 0 to 255, divided by 255 in the graph" if kind == "uint8" else "floats 0..1"
    return {
        "class_names": json.dumps(list(network.class_names)),
        "preprocess": json.dumps(told),
        "input": f"images [N, {', '.join(map(str, network.input_shape))}]: {words}",
        "names": json.dumps(names),
    }
