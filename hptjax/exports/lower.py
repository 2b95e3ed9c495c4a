"""Turns the layers of a trained network into operations; refuses a layer it does not know."""

import keyword
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hptjax.config.model import AnyModel
from hptjax.config.parts import ACTIVATIONS, LAYERS
from hptjax.errors import ConfigError
from hptjax.exports.graph import OIHW, OUT_IN, Graph, Node, Tensor
from hptjax.models.chain import chain_of
from hptjax.models.layers.activation import Activation
from hptjax.models.layers.base import Layer, Shape
from hptjax.models.layers.conv import Conv, Convolution
from hptjax.models.layers.depthwise import Depthwise
from hptjax.models.layers.dropout import Dropout
from hptjax.models.layers.fields import pair
from hptjax.models.layers.flatten import Flatten
from hptjax.models.layers.global_avg_pool import GlobalAvgPool
from hptjax.models.layers.group_norm import GroupNorm, InstanceNorm, LayerNorm
from hptjax.models.layers.linear import Head, Linear
from hptjax.models.layers.max_pool import MaxPool
from hptjax.models.layers.normalize import Normalize
from hptjax.models.layers.norms import BatchNorm, NoNorm, Norm
from hptjax.models.layers.pools import AvgPool
from hptjax.models.layers.residual import Residual
from hptjax.models.layers.separable import Separable
from hptjax.models.module import module_path
from hptjax.models.placed import Placed
from hptjax.models.signature import net_shape, walk

_ONE = (1, 1)
# names of PyTorch's modules, which a label may equal
_OF_MODULES = {
    *("T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children"),
    *("compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward"),
    *("get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu"),
    *("load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules"),
    *("named_parameters", "parameters", "register_backward_hook", "register_buffer"),
    *("register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"),
    *("register_full_backward_pre_hook", "register_load_state_dict_post_hook"),
    *("register_load_state_dict_pre_hook", "register_module", "register_parameter"),
    *("register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_"),
    *("set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train"),
    *("training", "type", "xpu", "zero_grad"),
}
_STATISTICS = {"running_mean": "mean", "running_var": "var"}


def lowered(config: AnyModel, variables: Mapping[str, Any]) -> Graph:
    """Returns a network's operations in evaluation; ConfigError for a layer that has none.

    variables: those of its Flax module, numpy arrays.
    """
    own = _Lowering(config, variables)
    for placed, incoming in walk(net_shape(config).signature.incoming, chain_of(config)):
        own.place(placed, incoming)
    return tuple(own.nodes)


class _Lowering:
    """Collects the operations of one network, layer by layer."""

    def __init__(self, config: AnyModel, variables: Mapping[str, Any]) -> None:
        self.config, self.variables = config, variables
        self.nodes: list[Node] = []
        self.placed = Placed("", NoNorm(), 0)
        self._taken: set[str] = set()

    def place(self, placed: Placed, incoming: Shape) -> None:
        """Appends the operations of one layer."""
        self.placed = placed
        write = _WRITERS.get(type(placed.layer))
        if write is None:
            word = LAYERS.word_of(type(placed.layer))
            raise ConfigError(
                f"{placed.name} ({word}): this layer can be exported as .safetensors alone; "
                "other formats know the layers of hptjax, not those of others or your own class."
            )
        write(self, placed.layer, incoming)

    def add(self, op: str, shape: Shape, of: tuple[str, ...] = ("x",), into: str = "", **more: Any):
        """Appends one operation; into: by default the first variable that it reads."""
        self.nodes.append(Node(op, into or of[0], of, shape, **more))

    def name(self, inner: str) -> str:
        """Returns a new name of a submodule; "", "conv" and "linear" get the name of the layer."""
        own = self.placed.name.replace(".", "_").replace("-", "_")
        name = own if inner in ("", "conv", "linear") else f"{own}_{inner}"
        name = f"layer_{name}" if name[0].isdigit() else name
        while name in self._taken or keyword.iskeyword(name) or name in _OF_MODULES:
            name += "_"
        self._taken.add(name)
        return name

    def tensor(self, inner: str, leaf: str, kind: str = "params") -> Tensor:
        """Returns an array of a submodule of the present layer, in PyTorch's layout."""
        path = module_path(self.config, self.placed.name, (inner,) if inner else ())
        node = self.variables[kind]
        for step in (*path, leaf):
            node = node[step]
        value, axes = np.asarray(node), ""
        if leaf == "kernel":
            value, axes = (
                (value.transpose(3, 2, 0, 1), OIHW) if value.ndim == 4 else (value.T, OUT_IN)
            )
        return Tensor("/".join((kind, *path, leaf)), np.ascontiguousarray(value), axes)

    def affine(self, inner: str, bias: bool = True) -> dict[str, Tensor]:
        """Returns kernel and bias of a submodule."""
        own = {"weight": self.tensor(inner, "kernel")}
        return own | ({"bias": self.tensor(inner, "bias")} if bias else {})

    def conv(
        self, inner: str, shape: Shape, layer: Any, var: str = "x", into: str = "", **other: Any
    ) -> None:
        """Appends a convolution with the window of a layer; other: options that differ."""
        has_bias = other.pop("bias", True)
        options = {
            "kernel": pair(layer.kernel_size),
            "stride": layer.stride,
            "pads": layer.pads,
            "dilation": getattr(layer, "dilation", 1),
            "groups": 1,
        } | other
        own = {"tensors": self.affine(inner, has_bias), "name": self.name(inner)}
        self.add("conv", shape, (var,), into, options=options, **own)

    def norm(self, inner: str, norm: Layer, shape: Shape, var: str = "x") -> None:
        """Appends a norm, a layer or an option of one; the norm `none` appends nothing."""
        if isinstance(norm, NoNorm):
            return
        own = {"weight": self.tensor(inner, "scale"), "bias": self.tensor(inner, "bias")}
        options: dict[str, Any] = {}
        if type(norm) is BatchNorm:
            op = "batch_norm"
            own |= {
                role: self.tensor(inner, leaf, "batch_stats") for role, leaf in _STATISTICS.items()
            }
        elif type(norm) in _GROUPS:
            op, options = "group_norm", {"groups": _GROUPS[type(norm)](norm, shape)}
        else:
            word = f"{type(norm).__module__}:{type(norm).__qualname__}"
            raise ConfigError(
                f"{self.placed.name}: its norm {word} can be exported as .safetensors alone."
            )
        self.add(op, shape, (var,), options=options, tensors=own, name=self.name(inner))

    def activation(self, word: str, shape: Shape, var: str = "x") -> None:
        """Appends an activation of hptjax; `none` appends nothing."""
        if word == "none":
            return
        if ACTIVATIONS.row(word, self.placed.name).package != "hptjax":
            raise ConfigError(
                f"{self.placed.name}: the activation {word} is not of hptjax: the network can be "
                "exported as .safetensors alone."
            )
        self.add("activation", shape, (var,), options={"function": word})


def _conv(own: _Lowering, layer: Convolution, incoming: Shape) -> None:
    shape = layer.out(incoming)
    if type(layer) is Separable:
        middle = (incoming[0], *shape[1:])
        own.conv("depthwise", middle, layer, groups=incoming[0], bias=False)
        plain = {"kernel": _ONE, "stride": 1, "pads": ((0, 0), (0, 0)), "dilation": 1}
        own.conv("conv", shape, layer, **plain)
    else:
        groups = incoming[0] if type(layer) is Depthwise else 1
        own.conv("conv", shape, layer, groups=groups)
    own.norm("norm", layer.norm.options, shape)
    own.activation(layer.activation, shape)


def _linear(own: _Lowering, layer: Linear | Head, incoming: Shape) -> None:
    shape = layer.out(incoming)
    own.add("linear", shape, name=own.name("linear"), tensors=own.affine("linear"))
    if isinstance(layer, Linear):
        own.norm("norm", layer.norm.options, shape)
        own.activation(layer.activation, shape)


def _residual(own: _Lowering, layer: Residual, incoming: Shape) -> None:
    shape, norm = layer.out(incoming), layer.norm.options
    pads: dict[str, Any] = {"pads": (layer.pads, layer.pads)}
    own.conv("conv1", shape, layer, into="y", **pads)
    own.norm("norm1", norm, shape, "y")
    own.activation(layer.activation, shape, "y")
    own.conv("conv2", shape, layer, "y", stride=1, **pads)
    own.norm("norm2", norm, shape, "y")
    if layer.projects:
        own.conv("projection", shape, layer, kernel=_ONE, pads=((0, 0), (0, 0)))
        own.norm("norm_projection", norm, shape)
    elif layer.stride > 1 or shape[0] != incoming[0]:
        channels = incoming[0], shape[0]
        own.add("shortcut", shape, options={"stride": layer.stride, "channels": channels})
    own.add("add", shape, ("x", "y"))
    own.activation(layer.activation, shape)


def _max_pool(own: _Lowering, layer: MaxPool, incoming: Shape) -> None:
    options = {"kernel": (layer.size,) * 2, "stride": layer.steps, "pads": layer.pads}
    own.add("max_pool", layer.out(incoming), options=options)


def _normalize(own: _Lowering, layer: Normalize, incoming: Shape) -> None:
    own.add("normalize", incoming, options={"mean": layer.mean, "std": layer.std})


def _flatten(own: _Lowering, layer: Flatten, incoming: Shape) -> None:
    if len(incoming) > 1:
        own.add("flatten", layer.out(incoming))


def _norm(own: _Lowering, layer: Norm, incoming: Shape) -> None:
    own.norm("", layer, incoming)


_GROUPS: dict[type[Layer], Callable[[Any, Shape], int]] = {
    LayerNorm: lambda norm, shape: 1,
    GroupNorm: lambda norm, shape: norm.groups,
    InstanceNorm: lambda norm, shape: shape[0],
}
_WRITERS: dict[type[Layer], Callable[[_Lowering, Any, Shape], None]] = {
    Activation: lambda own, layer, incoming: own.activation(layer.function, incoming),
    AvgPool: lambda own, layer, incoming: own.add(
        "avg_pool", layer.out(incoming), options={"kernel": layer.size}
    ),
    Conv: _conv,
    Depthwise: _conv,
    Separable: _conv,
    Dropout: lambda own, layer, incoming: None,  # does nothing in evaluation
    Flatten: _flatten,
    GlobalAvgPool: lambda own, layer, incoming: own.add("mean", layer.out(incoming)),
    Head: _linear,
    Linear: _linear,
    MaxPool: _max_pool,
    Normalize: _normalize,
    Residual: _residual,
    **dict.fromkeys((BatchNorm, LayerNorm, GroupNorm, InstanceNorm), _norm),
}
