"""The table of executors: what may stand under `executor` in a study.

A row names a module, or an object, that has `Options`, a pydantic model of what the executor can be
told, and `open_executor(study, data, options, notify)`, a context that gives the executor.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pydantic import BaseModel

from hptjax.config.named import Named, Spelling
from hptjax.errors import ConfigError, shown
from hptjax.table import Table


class ExecutorKind(Protocol):
    """What a name under `executor` stands for: its options, and how it is opened with them."""

    Options: type[BaseModel]
    open_executor: Callable[..., AbstractContextManager[Any]]


EXECUTORS: Table[ExecutorKind] = Table(
    "executors",
    "executor",
    {"local": "hptjax.executors.local", "ray": "hptjax.executors.ray"},
    needs=("Options", "open_executor"),
)


class ExecutorConfig(Named):
    """What trains: its name in the table of executors, and what it is told."""

    @classmethod
    def from_tree(cls, tree: Any) -> "ExecutorConfig":
        """From any form of a part; ConfigError for a mistake."""
        if isinstance(tree, ExecutorConfig):
            return tree
        must = "executor: must be a name, or a mapping such as {name: ray}"
        spelling = Spelling.of(tree, "executor", must)
        options = EXECUTORS.find(spelling.word, "executor").Options
        if spelling.given != {} and not options.model_fields:
            raise ConfigError(
                f"executor: {spelling.word} takes no options, got {shown(spelling.given)}."
            )
        return cls(name=spelling.word, options=spelling.options(options))
