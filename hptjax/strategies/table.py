"""The table of searchers: what may stand under `strategies` in a study.

A row names a module that has `Options`, a pydantic model of what the searcher can be told, and
`make(context, options)`. The module is imported when one of its searchers is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from hptjax.config.explain import explain
from hptjax.errors import ConfigError, did_you_mean
from hptjax.strategies.base import SearchContext, Searcher

TABLE: dict[str, str] = {
    "des": "hptjax.strategies.des",
    "grid": "hptjax.strategies.grid",
    "random": "hptjax.strategies.random",
    "tpe": "hptjax.strategies.tpe",
}


class SearcherModule(Protocol):
    """What a row of the table names."""

    Options: type[BaseModel]

    def make(self, context: SearchContext, options: Any) -> Searcher: ...


def check_options(name: str, tree: Mapping[str, Any]) -> BaseModel:
    """The options of a searcher, checked; ConfigError naming what is wrong with name or options."""
    options = _module(name).Options
    try:
        return options.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError(explain(error, options, f"strategies.{name}")) from None


def make_searcher(
    name: str, context: SearchContext, options: Mapping[str, Any] | None = None
) -> Searcher:
    """A fresh searcher; ConfigError for an unknown name or an unusable option."""
    return _module(name).make(context, check_options(name, options or {}))


def _module(name: str) -> SearcherModule:
    if name not in TABLE:
        raise ConfigError(f"strategies: unknown strategy {name!r}; {did_you_mean(name, TABLE)}")
    return import_module(TABLE[name])  # pyright: ignore[reportReturnType]
