"""The table of tunable hparams: which number of a config each one sets, and how it may vary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hptjax.config.parts import LR_SCHEDULES, OPTIMIZERS, TASKS
from hptjax.table import Table

# value: a whole number, or any other value that the option takes
ValueType = Literal["float", "int", "bool", "text", "padding", "value", "part"]
Variation = Literal["traced", "width", "static"]
PARTS: Mapping[str, Table] = {"optimizer": OPTIMIZERS, "lr_schedule": LR_SCHEDULES, "task": TASKS}
# {tuned hparam: its possible values}: for parts the parts themselves, for a range its ends.
Chosen = Mapping[str, Sequence[Any]]
ALL = None  # in a path: every copy of a layer
BLOCKS = ("resnet_config", "block_list")
LAYERS = ("mlp_config", "block_list")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of hparam.

    pattern: its name; `{i}` stands for the layer. where: the list of layers in the config; () for
    numbers of the whole model. kind: `traced` numbers never cost a compilation, a `width` is
    padded, a `static` value is part of the compiled program. array: the traced number that it sets
    inside a program, "" for a static one.
    """

    pattern: str
    where: tuple[str, ...]
    key: str
    type: ValueType
    kind: Variation
    array: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Another hparam that decides, if it is tuned, whether this one is active.

    name: the name of the other hparam. words: it is a choice of parts and must have one of these.
    copy: it is a depth and must be larger than this.
    """

    name: str
    words: tuple[str, ...] = ()
    copy: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The place of one hparam in one network.

    path: where its value is written in the config. owners: the hparams that decide whether it is
    active; each one that is tuned must allow it. places: the traced numbers and widths that it sets
    in a program, by name (`<layer>.<option>` for a layer), each with a factor.
    """

    rule: Rule
    path: tuple[str | int | None, ...]
    owners: tuple[Owner, ...] = ()
    places: tuple[tuple[str, float], ...] = ()

    @property
    def type(self) -> ValueType:
        return self.rule.type

    @property
    def kind(self) -> Variation:
        return self.rule.kind

    @property
    def owner(self) -> tuple[str, str] | None:
        """For an option of a part, the key and the word of that part; None for other hparams."""
        if len(self.path) == 1 or self.path[0] not in PARTS:
            return None
        return str(self.path[0]), str(self.path[1])


def _layer(
    pattern: str,
    where: tuple[str, ...],
    key: str,
    value: ValueType,
    kind: Variation,
    option: str = "",
) -> Rule:
    """A rule of the original's layers; option: the option that it sets inside a program."""
    layer = "blocks.{i}" if where == BLOCKS else "mlp.{i}"
    return Rule(pattern, where, key, value, kind, f"{layer}.{option}" if option else "")


TABLE: tuple[Rule, ...] = (
    Rule("lr", (), "lr", "float", "traced", "lr"),
    Rule("weight_decay", (), "weight_decay", "float", "traced", "weight_decay"),
    Rule("beta_1", (), "beta_1", "float", "traced", "beta_1"),
    Rule("beta_2", (), "beta_2", "float", "traced", "beta_2"),
    Rule("optimizer", (), "optimizer", "part", "traced", "optimizer"),
    Rule("lr_schedule", (), "lr_schedule", "part", "traced", "lr_schedule"),
    Rule("warmup", (), "warmup", "float", "traced", "warmup"),
    Rule("augment", (), "augment", "part", "traced", "augment"),
    Rule("batch_size", (), "batch_size", "int", "static"),
    Rule("precision", (), "precision", "text", "static"),
    _layer("resnet_out_channels_l{i}", BLOCKS, "out_channels", "int", "width", "out_channels"),
    _layer("resnet_kernel_size_l{i}", BLOCKS, "kernel_size", "int", "static"),
    _layer("resnet_stride_l{i}", BLOCKS, "stride", "int", "static"),
    _layer("resnet_padding_l{i}", BLOCKS, "padding", "padding", "static"),
    _layer("resnet_af_l{i}", BLOCKS, "activation_fun", "text", "traced", "activation"),
    _layer("mlp_out_l{i}", LAYERS, "out_size", "int", "width", "out_features"),
    _layer("mlp_af_l{i}", LAYERS, "activation_fun", "text", "traced", "activation"),
    _layer("mlp_bn_l{i}", LAYERS, "batch_norm", "bool", "traced", "norm"),
    _layer("mlp_do_l{i}", LAYERS, "dropout", "float", "traced", "dropout"),
)
