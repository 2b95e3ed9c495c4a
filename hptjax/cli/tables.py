"""The tables that `hptjax list` knows, as text: naming them imports none."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptjax.importing import load
from hptjax.table import Table

CONFIGS, METRICS = "configs", "metrics"  # listed beside the tables


@dataclass(frozen=True)
class Shelf:
    """Where a table is, and where one of its words stands in a study.

    target: "module:attribute"; key: of the study, dotted; hidden: options that no user gives;
    in_list: whether the key takes a list of words.
    """

    target: str
    key: str
    hidden: tuple[str, ...] = ()
    in_list: bool = False

    @property
    def table(self) -> Table:
        """The table itself; imports its module, and no row."""
        return load(self.target)

    def usage(self, word: str) -> str:
        """How a study names a word, as YAML in one line."""
        *outer, last = self.key.split(".")
        said = word if ":" not in word else repr(word)
        line = f"{last}: [{said}]" if self.in_list else f"{last}: {said}"
        for name in reversed(outer):
            line = f"{name}: {{{line}}}"
        return line


SHELVES: Mapping[str, Shelf] = {
    "activations": Shelf("hptjax.config.parts:ACTIVATIONS", "activation_fun"),
    "optimizers": Shelf("hptjax.config.parts:OPTIMIZERS", "model.optimizer"),
    "lr_schedules": Shelf("hptjax.config.parts:LR_SCHEDULES", "model.lr_schedule"),
    "tasks": Shelf("hptjax.config.parts:TASKS", "model.task"),
    "augmentations": Shelf("hptjax.config.parts:AUGMENTATIONS", "data.augment", in_list=True),
    "sources": Shelf("hptjax.data.sources:SOURCES", "data.source"),
    "searchers": Shelf("hptjax.strategies.table:SEARCHERS", "strategies"),
    "executors": Shelf("hptjax.study.executors:EXECUTORS", "executor"),
    "schedules": Shelf("hptjax.study.schedules:SCHEDULES", "schedule", hidden=("epochs",)),
    "sinks": Shelf("hptjax.study.sinks:SINKS", "sinks", in_list=True),
}
