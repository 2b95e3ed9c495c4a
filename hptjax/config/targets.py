"""The one table of tunable hparams: which number of the config each means, and how it varies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hptjax.config.parts import LR_SCHEDULES, OPTIMIZERS, TASKS
from hptjax.config.schema import ADAMS, BETAS
from hptjax.table import Table

# value: a whole number, or what else the option takes
ValueType = Literal["float", "int", "bool", "text", "padding", "value", "part"]
Variation = Literal["traced", "width", "static"]
PARTS: Mapping[str, Table] = {"optimizer": OPTIMIZERS, "lr_schedule": LR_SCHEDULES, "task": TASKS}
# Of each hparam that is tuned, what it may be: of parts the parts themselves, of a range its ends.
Chosen = Mapping[str, Sequence[Any]]
ALL = None  # in a path: every copy of a layer
BLOCKS = ("resnet_config", "block_list")
LAYERS = ("mlp_config", "block_list")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of hparam.

    pattern: its name, `{i}` stands for the layer. where: the list of layers in the config, () for
    numbers of the whole model. kind: `traced` numbers never cost a compilation, a `width` is
    padded, a `static` one is part of what is compiled. array: what holds it inside a program, ""
    for a static one; shift: how far the layer's place in the array lies behind its number. place:
    what it sets in a program, where that is no array of one number a network.
    """

    pattern: str
    where: tuple[str, ...]
    key: str
    type: ValueType
    kind: Variation
    array: str = ""
    shift: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """What decides whether an hparam means anything: another hparam, if that is tuned.

    name: of that hparam. words: it is a choice of parts, and must be one of these; copy: it is a
    depth, and must be larger than this.
    """

    name: str
    words: tuple[str, ...] = ()
    copy: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where one hparam of one network goes.

    path: where it is written. owners: all that decide whether it means anything; each must allow
    it, where it is tuned. places: the traced numbers and widths that it sets in a program, by
    their names, `<layer>.<option>` of a layer, and what it is multiplied by there.
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
    def place(self) -> int | None:
        """Its place in the array of its kind, None where the array has one number a network."""
        return int(str(self.path[2])) + self.rule.shift if self.rule.where else None

    @property
    def owner(self) -> tuple[str, str] | None:
        """Of an option the key and the word of the part that has it: it counts for no other."""
        if len(self.path) == 1 or self.path[0] not in PARTS:
            return None
        return str(self.path[0]), str(self.path[1])

    def is_active(self, words: Mapping[str, str]) -> bool:
        """Whether it means anything beside these parts, `{"optimizer": "sgd"}`.

        The part itself is always meant where its key is not among them.
        """
        if self.owner is not None:
            key, word = self.owner
            return words.get(key, word) == word
        return self.rule.array not in BETAS or words.get("optimizer", ADAMS[0]) in ADAMS


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
    Rule(
        "resnet_out_channels_l{i}",
        BLOCKS,
        "out_channels",
        "int",
        "width",
        "channels",
        1,
        "blocks.{i}.out_channels",
    ),
    Rule("resnet_kernel_size_l{i}", BLOCKS, "kernel_size", "int", "static"),
    Rule("resnet_stride_l{i}", BLOCKS, "stride", "int", "static"),
    Rule("resnet_padding_l{i}", BLOCKS, "padding", "padding", "static"),
    Rule(
        "resnet_af_l{i}",
        BLOCKS,
        "activation_fun",
        "text",
        "traced",
        "stage_activation",
        1,
        "blocks.{i}.activation",
    ),
    Rule("mlp_out_l{i}", LAYERS, "out_size", "int", "width", "units", 0, "mlp.{i}.out_features"),
    Rule(
        "mlp_af_l{i}",
        LAYERS,
        "activation_fun",
        "text",
        "traced",
        "activation",
        0,
        "mlp.{i}.activation",
    ),
    Rule("mlp_bn_l{i}", LAYERS, "batch_norm", "bool", "traced", "batch_norm", 0, "mlp.{i}.norm"),
    Rule("mlp_do_l{i}", LAYERS, "dropout", "float", "traced", "dropout", 0, "mlp.{i}.dropout"),
)
