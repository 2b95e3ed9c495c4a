"""Schema of one network and how it is trained, in the dict form of the original study's YAML."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from hptjax.config.explain import validated
from hptjax.config.frozen import SIZE_LIMIT, Frozen, Positive, as_tuple
from hptjax.config.parts import ACTIVATIONS
from hptjax.errors import ConfigError, did_you_mean, shown

Padding = Annotated[int, Field(ge=0, lt=SIZE_LIMIT)] | Literal["same"]
Key = Annotated[int, Field(gt=-SIZE_LIMIT, lt=SIZE_LIMIT)] | str


def _flag(value: Any) -> Any:
    """0 and 1 mean False and True: a tuned number once switched batch norm off in silence."""
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _no_activation(value: Any) -> Any:
    """YAML's null and Python's 'None' mean no activation: the original's spaces say 'None'."""
    return "none" if value is None or value == "None" else value


def _activation(value: Any) -> Any:
    value = _no_activation(value)
    if value not in ACTIVATIONS:
        hint = did_you_mean(value, ACTIVATIONS.names()) if isinstance(value, str) else ""
        raise ValueError(f"the name of an activation ({hint.rstrip('.')})" if hint else "a name")
    return value


def _own_activation(value: Any) -> Any:
    value = _activation(value)
    if value == "logsoftmax":
        raise ValueError("an activation of one number, unlike logsoftmax, which sums over units")
    return value


Activation = Annotated[str, BeforeValidator(_activation)]
MapActivation = Annotated[str, BeforeValidator(_own_activation)]


class ConvConfig(Frozen):
    """One convolution; its activation follows it."""

    later: ClassVar = ("activation_fun",)

    in_channels: Positive
    out_channels: Positive
    kernel_size: Positive
    stride: Positive = 1
    padding: Padding = 0
    activation_fun: MapActivation = "none"


class BlockConfig(ConvConfig):
    """One residual block: its first convolution carries the stride, its activation comes twice."""

    activation_fun: MapActivation = "relu"


class LinearConfig(Frozen):
    """One MLP block: linear, optional batch norm, activation, dropout."""

    in_size: Positive
    out_size: Positive
    activation_fun: Activation = "none"
    batch_norm: Annotated[bool, BeforeValidator(_flag)] = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ResNetConfig(Frozen):
    first_conv: ConvConfig
    block_list: Annotated[tuple[BlockConfig, ...], BeforeValidator(as_tuple)]
    pool_size: Positive = 1


class MLPConfig(Frozen):
    block_list: Annotated[tuple[LinearConfig, ...], Field(min_length=1), BeforeValidator(as_tuple)]

    @property
    def computed_activations(self) -> tuple[str, ...]:
        """The activation of each layer; a last log-softmax is left to the loss."""
        *inner, last = (layer.activation_fun for layer in self.block_list)
        return (*inner, "none" if last == "logsoftmax" else last)


class ModelConfig(Frozen):
    """A ResNet feeding an MLP, with the numbers of its Adam optimiser."""

    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: Annotated[int, Field(ge=2, lt=SIZE_LIMIT)] = 64
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    lr: Annotated[float, Field(gt=0)] = 1e-3
    init_width: Positive = 28
    init_length: Positive = 28
    resnet_config: ResNetConfig
    mlp_config: MLPConfig
    img_key: Key = 0
    class_key: Key = 1

    def __repr__(self) -> str:
        first, mlp = self.resnet_config.first_conv, self.mlp_config.block_list
        return (
            f"ModelConfig({self.init_length}x{self.init_width}x{first.in_channels} -> "
            f"{mlp[-1].out_size} classes: {len(self.resnet_config.block_list)} residual blocks, "
            f"{len(mlp)} linear layers, lr {self.lr:.4g}, batch_size {self.batch_size})"
        )

    __str__ = __repr__

    def to_dict(self) -> dict[str, Any]:
        """The same config in the original's dict form, fit for YAML."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "ModelConfig":
        """Reads the original's dict form, with or without its outer key `model`.

        Raises ConfigError naming the dotted path of the mistake.
        """
        if not isinstance(tree, Mapping):
            raise ConfigError(f"model: must be a mapping, got {shown(tree)}.")
        inner = tree["model"] if set(tree) == {"model"} else tree
        return validated(cls, inner, "model")
