"""The tables of what a model's recipe is made of; importing them imports no part."""

from hptjax.table import Table

_FUNCTIONS = (
    *("none", "relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu"),
    *("hardswish", "mish", "tanh", "hardtanh", "sigmoid", "hardsigmoid", "softplus", "softsign"),
    "logsoftmax",
)
ACTIVATIONS: Table = Table(
    "activations",
    "activation",
    {name: f"hptjax.ops.activations:{name}" for name in _FUNCTIONS},
)
