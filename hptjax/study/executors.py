"""The table of executors, which a study names under `executor`.

A row names a module or an object with `Options`, a pydantic model of the executor's options, and
`open_executor(study, data, options, notify)`, a context manager that returns the executor.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pydantic import BaseModel

from hptjax.config.named import Named, Spelling
from hptjax.errors import ConfigError, shown
from hptjax.table import Table


class ExecutorKind(Protocol):
    """The target of a name under `executor`: its options, and the function that opens it."""

    Options: type[BaseModel]
    open_executor: Callable[..., AbstractContextManager[Any]]


EXECUTORS: Table[ExecutorKind] = Table(
    "executors",
    "executor",
    {"local": "hptjax.executors.local", "ray": "hptjax.executors.ray"},
    needs=("Options", "open_executor"),
)


class ExecutorConfig(Named):
    """The executor of a study: its name in the table of executors, and its options."""

    @classmethod
    def from_tree(cls, tree: Any) -> "ExecutorConfig":
        """Reads any form of a part; ConfigError for a mistake."""
        if isinstance(tree, ExecutorConfig):
            return tree
        must = "executor: must be a name, or a mapping such as {name: ray}"
        spelling = Spelling.of(tree, "executor", must)
        options = EXECUTORS.find(spelling.word, "executor").Options
        if spelling.given != {} and not options.model_fields:
            raise ConfigError(
                f"executor: {spelling.word} takes no options, got {shown(spelling.given)}; "
                "executor: ray (--executor ray) has workers and an address."
            )
        return cls(name=spelling.word, options=spelling.options(options))
