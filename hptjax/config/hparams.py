"""The one table of tunable hparams: which number of the config each means, and how it varies."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key

ValueType = Literal["float", "int", "bool", "text", "padding"]
Variation = Literal["traced", "width", "static"]
_BLOCKS = ("resnet_config", "block_list")
_LAYERS = ("mlp_config", "block_list")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of hparam.

    pattern: its name, `{i}` stands for the layer. where: the list of layers in the config, () for
    numbers of the whole model. kind: `traced` numbers never cost a compilation, a `width` is
    padded, a `static` one is part of what is compiled. array: what holds it inside a program, ""
    for a static one; shift: how far the layer's place in the array lies behind its number.
    """

    pattern: str
    where: tuple[str, ...]
    key: str
    type: ValueType
    kind: Variation
    array: str = ""
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """Where one hparam of one network goes."""

    rule: Rule
    path: tuple[str | int, ...]

    @property
    def place(self) -> int | None:
        """Its place in the array of its kind, None where the array has one number a network."""
        return int(self.path[2]) + self.rule.shift if self.rule.where else None


TABLE: tuple[Rule, ...] = (
    Rule("lr", (), "lr", "float", "traced", "lr"),
    Rule("weight_decay", (), "weight_decay", "float", "traced", "weight_decay"),
    Rule("beta_1", (), "beta_1", "float", "traced", "beta_1"),
    Rule("beta_2", (), "beta_2", "float", "traced", "beta_2"),
    Rule("batch_size", (), "batch_size", "int", "static"),
    Rule("resnet_out_channels_l{i}", _BLOCKS, "out_channels", "int", "width", "channels", 1),
    Rule("resnet_kernel_size_l{i}", _BLOCKS, "kernel_size", "int", "static"),
    Rule("resnet_stride_l{i}", _BLOCKS, "stride", "int", "static"),
    Rule("resnet_padding_l{i}", _BLOCKS, "padding", "padding", "static"),
    Rule("resnet_af_l{i}", _BLOCKS, "activation_fun", "text", "traced", "stage_activation", 1),
    Rule("mlp_out_l{i}", _LAYERS, "out_size", "int", "width", "units"),
    Rule("mlp_af_l{i}", _LAYERS, "activation_fun", "text", "traced", "activation"),
    Rule("mlp_bn_l{i}", _LAYERS, "batch_norm", "bool", "traced", "batch_norm"),
    Rule("mlp_do_l{i}", _LAYERS, "dropout", "float", "traced", "dropout"),
)
_PATTERNS = {
    rule: re.compile(rule.pattern.replace("{i}", r"(0|[1-9][0-9]{0,8})")) for rule in TABLE
}


def cast(value: Any, kind: ValueType, floor: Callable[[Any], Any] = math.floor) -> Any:
    """A number as its type has it: halves are rounded up, a boolean is true from 1/2.

    floor: to whole numbers; math's on the host, JAX's inside a program.
    """
    if kind == "bool":
        return value >= 0.5
    return value if kind == "float" else floor(value + 0.5)


def bind(names: Iterable[str], config: ModelConfig) -> Mapping[str, Target]:
    """The targets of some names in this network; ConfigError for an unknown name or layer."""
    return {name: find(name, config) for name in names}


def hparam_names(config: ModelConfig) -> Iterator[str]:
    """Every hparam name that means something for this network."""
    for rule in TABLE:
        if not rule.where:
            yield rule.pattern
        else:
            yield from (rule.pattern.format(i=i) for i in range(_layers(config, rule)))


def find(name: str, config: ModelConfig) -> Target:
    """The target of a name in this network; ConfigError for an unknown name or layer."""
    if not isinstance(name, str):
        raise ConfigError(f"the name of an hparam must be text, got {shown(name)}.")
    for rule, pattern in _PATTERNS.items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if not rule.where:
            return Target(rule, (rule.key,))
        layer, count = int(match[1]), _layers(config, rule)
        if layer < count:
            return Target(rule, (*rule.where, layer, rule.key))
        raise ConfigError(_no_layer(name, layer, count, rule))
    text = shown_key(name)
    raise ConfigError(f"{text}: unknown hparam; {did_you_mean(text, hparam_names(config))}")


def _layers(config: ModelConfig, rule: Rule) -> int:
    if rule.where == _BLOCKS:
        return len(config.resnet_config.block_list)
    count = len(config.mlp_config.block_list)
    # the last layer has one unit per class
    return count - 1 if rule.key == "out_size" else count


def _no_layer(name: str, layer: int, count: int, rule: Rule) -> str:
    if rule.key == "out_size" and layer == count:
        return f"{name}: cannot be tuned, the last MLP layer has one unit per class."
    what = "residual blocks" if rule.where == _BLOCKS else "tunable MLP layers"
    if count == 0:
        return f"{name}: the model has no {what}."
    last = rule.pattern.format(i=count - 1)
    return f"{name}: the model has {count} {what}, numbered from 0; did you mean {last!r}?"
