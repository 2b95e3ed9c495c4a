"""The table of executors: what may stand under `executor` in a study.

A row names a module that has `Options`, a pydantic model of what the executor can be told, and
`open_executor(study, data, options, notify)`, a context that gives the executor. It is imported
when its executor is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from hptjax.config.explain import validated
from hptjax.config.named import Named, named_tree
from hptjax.errors import ConfigError, did_you_mean, shown

TABLE: dict[str, str] = {
    "local": "hptjax.study.local",
    "ray": "hptjax.study.ray",
}


class ExecutorConfig(Named):
    """What trains: its name in the table of executors, and what it is told."""

    @classmethod
    def from_tree(cls, tree: Any) -> "ExecutorConfig":
        """From a name, or `{name: ray, option: ...}`; ConfigError for a mistake."""
        if isinstance(tree, ExecutorConfig):
            return tree
        given = named_tree(tree, "executor: must be a name, or a mapping such as {name: ray}")
        options = {key: value for key, value in given.items() if key != "name"}
        return cls(name=given["name"], options=_check_options(given["name"], options))


def executor_module(name: str) -> ModuleType:
    """The module of an executor; ConfigError for an unknown name."""
    if name not in TABLE:
        raise ConfigError(f"executor: unknown executor {name!r}; {did_you_mean(name, TABLE)}")
    return import_module(TABLE[name])


def _check_options(name: str, tree: Mapping[str, Any]) -> BaseModel:
    options = executor_module(name).Options
    if tree and not options.model_fields:
        raise ConfigError(f"executor: {name} takes no options, got {shown(dict(tree))}.")
    return validated(options, tree, "executor")
