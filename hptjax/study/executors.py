"""The table of executors: what may stand under `executor` in a study.

A row names a module that has `Options`, a pydantic model of what the executor can be told, and
`open_executor(study, data, options, notify)`, a context that gives the executor. It is imported
when its executor is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hptjax.config.explain import explain
from hptjax.config.schema import Frozen
from hptjax.errors import ConfigError, did_you_mean, shown

TABLE: dict[str, str] = {
    "local": "hptjax.study.local",
    "ray": "hptjax.study.ray",
}


class ExecutorConfig(Frozen):
    """What trains: its name in the table of executors, and what it is told."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    options: BaseModel

    @classmethod
    def from_tree(cls, tree: Any) -> "ExecutorConfig":
        """From a name, or `{name: ray, option: ...}`; ConfigError for a mistake."""
        given = {"name": tree} if isinstance(tree, str) else tree
        if isinstance(given, ExecutorConfig):
            return given
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise ConfigError(
                f"executor: must be a name, or a mapping such as {{name: ray}}, got {shown(tree)}."
            )
        options = {key: value for key, value in given.items() if key != "name"}
        return cls(name=given["name"], options=_check_options(given["name"], options))

    def to_tree(self) -> str | dict[str, Any]:
        """What `from_tree` reads; without the options that are left at their defaults."""
        options = self.options.model_dump(mode="json", exclude_defaults=True)
        return {"name": self.name, **options} if options else self.name


def executor_module(name: str) -> ModuleType:
    """The module of an executor; ConfigError for an unknown name."""
    if name not in TABLE:
        raise ConfigError(f"executor: unknown executor {name!r}; {did_you_mean(name, TABLE)}")
    return import_module(TABLE[name])


def _check_options(name: str, tree: Mapping[str, Any]) -> BaseModel:
    options = executor_module(name).Options
    if tree and not options.model_fields:
        raise ConfigError(f"executor: {name} takes no options, got {shown(dict(tree))}.")
    try:
        return options.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError(explain(error, options, "executor")) from None
