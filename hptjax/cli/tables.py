"""The tables that `hptjax list` knows, as text, so that naming them imports none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hptjax.importing import load
from hptjax.table import Table

CONFIGS, METRICS = "configs", "metrics"  # listed beside the tables


@dataclass(frozen=True)
class Shelf:
    """A table, and the place of its words in a study.

    target: "module:attribute". key: the dotted key of the study. hidden: options that no user
    gives. in_list: whether the key takes a list of words. about: a sentence about the place of a
    word, instead of the key. of_layers: whether its parts are layers or belong to them: their
    options are listed below their word, and each says how it may vary in a program. written: {word:
    its whole text}, for words that are not described by options.
    """

    target: str
    key: str
    hidden: tuple[str, ...] = ()
    in_list: bool = False
    about: str = ""
    of_layers: bool = False
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table itself; imports its module, and no row."""
        return load(self.target)

    @property
    def place(self) -> str:
        """A sentence that says where one of its words stands."""
        return self.about or f"In a study it stands under `{self.key}`."

    def usage(self, word: str) -> str:
        """The use of a word in a study, as one line of YAML."""
        *outer, last = self.key.split(".")
        said = word if ":" not in word else repr(word)
        line = f"{last}: [{said}]" if self.in_list else f"{last}: {said}"
        for name in reversed(outer):
            line = f"{name}: {{{line}}}"
        return line


_IN_LAYERS = (
    "A layer stands in the list `layers` of a model, and takes label and depth, too. Networks that "
    "differ in a padded or a traced option share a body. A static option has a body for each value."
)
_FLAX = """\
# A network of your own class, of flax.linen or flax.nnx: images [B, H, W, C] in,
# outputs [B, K] out. It stands in a model instead of `layers`.
# module: the place of the class. Any other key except `call` is an argument of its
# constructor. It is static: each value has a body of its own. call: arguments of its
# __call__ that are numbers. They are traced: networks that differ in them share a body.
# The constructor gets the number of outputs as `num_classes` or `outputs`.
model: {flax: {module: 'my_nets:Net', width: 16, call: {dropout: 0.1}}}
"""
SHELVES: Mapping[str, Shelf] = {
    "activations": Shelf("hptjax.config.parts:ACTIVATIONS", "activation_fun"),
    "optimizers": Shelf("hptjax.config.parts:OPTIMIZERS", "model.optimizer"),
    "layers": Shelf(
        "hptjax.config.parts:LAYERS",
        "model.layers",
        in_list=True,
        about=_IN_LAYERS,
        of_layers=True,
        written={"flax": _FLAX},
    ),
    "norms": Shelf(
        "hptjax.config.parts:NORMS",
        "norm",
        about="It is a value of the option `norm` of a layer.",
        of_layers=True,
    ),
    "lr_schedules": Shelf("hptjax.config.parts:LR_SCHEDULES", "model.lr_schedule"),
    "tasks": Shelf("hptjax.config.parts:TASKS", "model.task"),
    "augmentations": Shelf("hptjax.config.parts:AUGMENTATIONS", "data.augment", in_list=True),
    "sources": Shelf("hptjax.data.sources:SOURCES", "data.source"),
    "searchers": Shelf("hptjax.strategies.table:SEARCHERS", "strategies"),
    "executors": Shelf("hptjax.study.executors:EXECUTORS", "executor"),
    "schedules": Shelf("hptjax.study.schedules:SCHEDULES", "schedule", hidden=("epochs",)),
    "sinks": Shelf("hptjax.study.sinks:SINKS", "sinks", in_list=True),
}
