"""The source of a network as a plain PyTorch module, which needs no hptjax."""

import pprint
import textwrap
from collections.abc import Callable, Iterator, Mapping

from hptjax.exports.graph import Graph, Node, names_table
from hptjax.models.network import Network
from hptjax.ops.norm import EPSILON

MARK = "A network that hptjax trained, in plain PyTorch"  # begins every such file
_WIDTH = 96

_FUNCTIONS: Mapping[str, str] = {
    "relu": "F.relu({})",
    "leaky_relu": "F.leaky_relu({}, 0.01)",
    "relu6": "F.relu6({})",
    "elu": "F.elu({})",
    "selu": "F.selu({})",
    "celu": "F.celu({})",
    "gelu": "F.gelu({})",
    "gelu_tanh": 'F.gelu({}, approximate="tanh")',
    "silu": "F.silu({})",
    "hardswish": "F.hardswish({})",
    "mish": "F.mish({})",
    "tanh": "torch.tanh({})",
    "hardtanh": "F.hardtanh({})",
    "sigmoid": "torch.sigmoid({})",
    "hardsigmoid": "F.hardsigmoid({})",
    "softplus": "F.softplus({})",
    "softsign": "F.softsign({})",
    "logsoftmax": "F.log_softmax({}, 1)",
}


def source_of(network: Network, graph: Graph, weights: str) -> str:
    """Returns the source of the module; weights: the name of the .pt file beside it."""
    height, width, channels = network.input_shape
    made = [line for node in graph for line in _made(node)]
    steps = [line for node in graph for line in _steps(node)]
    names = [(row["flax"], row["torch"], row["axes"]) for row in names_table(graph)]
    return _TEMPLATE.format(
        mark=MARK,
        weights=weights,
        channels=channels,
        outputs=network.config.outputs,
        height=height,
        width=width,
        words="\n".join(textwrap.wrap(str(network.preprocess), _WIDTH)),
        class_names=_value(list(network.class_names)),
        preprocess=_value(network.preprocess.to_dict()),
        names=_value(names),
        made="".join(f"        {line}\n" for line in made),
        steps="".join(f"        {line}\n" for line in steps),
    )


def _made(node: Node) -> Iterator[str]:
    """Yields the lines of the constructor."""
    o, tensors = node.options, node.tensors
    if node.op == "normalize":
        for role in ("mean", "std"):
            numbers = f"torch.tensor({list(o[role])}).view(1, -1, 1, 1)"
            yield f'self.register_buffer("_input_{role}", {numbers}, persistent=False)'
        return
    if not tensors:
        return
    size = tensors["weight"].value.shape
    if node.op == "linear":
        made = f"nn.Linear({size[1]}, {size[0]})"
    elif node.op == "group_norm":
        made = f"nn.GroupNorm({o['groups']}, {size[0]}, eps={EPSILON})"
    elif node.op == "batch_norm":
        made = f"nn.BatchNorm{'1d' if len(node.shape) == 1 else '2d'}({size[0]}, eps={EPSILON})"
    else:
        made = _conv(node)
    yield f"self.{node.name} = {made}"


def _conv(node: Node) -> str:
    o, size = node.options, node.tensors["weight"].value.shape
    others = {
        "stride": o["stride"],
        "padding": tuple(pad[0] for pad in o["pads"]) if _even(node) else 0,
        "dilation": o["dilation"],
        "groups": o["groups"],
        "bias": "bias" in node.tensors,
    }
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}
    told = "".join(f", {key}={value}" for key, value in others.items() if value != plain[key])
    return f"nn.Conv2d({size[1] * o['groups']}, {size[0]}, {tuple(o['kernel'])}{told})"


def _even(node: Node) -> bool:
    """Tells whether padding is the same before and after, so that PyTorch's option suffices."""
    return all(before == after for before, after in node.options["pads"])


def _padded(node: Node, value: str = "") -> str:
    """Returns the input of a node, padded where PyTorch's option does not suffice."""
    (top, bottom), (left, right) = node.options["pads"]
    return f"F.pad({node.of[0]}, ({left}, {right}, {top}, {bottom}){value})"


def _steps(node: Node) -> Iterator[str]:
    """Yields the lines of `forward`."""
    x, into = node.of[0], node.into
    if node.op == "conv" and not _even(node):
        yield f"{into} = self.{node.name}({_padded(node)})"
    elif node.tensors:
        yield f"{into} = self.{node.name}({x})"
    elif node.op == "max_pool":
        yield from _max_pool(node)
    elif node.op == "shortcut":
        yield from _shortcut(node)
    else:
        yield f"{into} = {_PLAIN[node.op](node)}"


def _max_pool(node: Node) -> Iterator[str]:
    o, x = node.options, node.of[0]
    (pad, _), _ = o["pads"]
    told = f", padding={pad}" if pad else ""
    if not _even(node) or 2 * pad > o["kernel"][0]:
        lowest = ', value=float("-inf")'
        yield f"{x} = {_padded(node, lowest)}"
        told = ""
    yield f"{x} = F.max_pool2d({x}, {o['kernel'][0]}, {o['stride']}{told})"


def _shortcut(node: Node) -> Iterator[str]:
    (before, after), stride, x = node.options["channels"], node.options["stride"], node.of[0]
    yield f"{x} = {x}[:, :{min(before, after)}, ::{stride}, ::{stride}]"
    if after > before:
        yield f"{x} = F.pad({x}, (0, 0, 0, 0, 0, {after - before}))"


_PLAIN: Mapping[str, Callable[[Node], str]] = {
    "activation": lambda node: _FUNCTIONS[node.options["function"]].format(node.of[0]),
    "add": lambda node: " + ".join(node.of),
    "avg_pool": lambda node: f"F.avg_pool2d({node.of[0]}, {node.options['kernel']})",
    "flatten": lambda node: f"{node.of[0]}.flatten(1)",
    "mean": lambda node: f"{node.of[0]}.mean((2, 3))",
    "normalize": lambda node: f"({node.of[0]} - self._input_mean) / self._input_std",
}


def _value(value: object) -> str:
    return pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False)


_TEMPLATE = '''\
"""{mark}. It needs torch alone.

    network = load("{weights}")    # a torch.nn.Module in evaluation
    logits = network(images)    # [N, {channels}, {height}, {width}], uint8 or floats from 0 to 1

{words}
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

CLASS_NAMES = {class_names}
PREPROCESS = {preprocess}
# Of each array: path of the Flax variable, name in the state_dict, how its axes were turned.
NAMES = {names}


class Network(nn.Module):
    """Images [N, {channels}, {height}, {width}] -> logits [N, {outputs}]."""

    def __init__(self):
        super().__init__()
{made}
    def forward(self, x):
        x = x.float() / 255 if x.dtype == torch.uint8 else x
{steps}        return x


def load(path=Path(__file__).with_name("{weights}")):
    """The trained network, in evaluation."""
    network = Network()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
    return network.eval()
'''
