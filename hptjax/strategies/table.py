"""The table of searchers: what may stand under `strategies` in a study.

A row names a module that has `Options`, a pydantic model of what the searcher can be told, and
`make(context, options)`. A family is a library of searchers, each named `family.member`; its module
has `kind(member)`. A module is imported when one of its searchers is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from hptjax.config.explain import validated
from hptjax.errors import ConfigError, did_you_mean
from hptjax.settings import fixed_settings
from hptjax.strategies.base import SearchContext, Searcher, SearcherKind

TABLE: dict[str, str] = {
    "des": "hptjax.strategies.des",
    "grid": "hptjax.strategies.grid",
    "random": "hptjax.strategies.random",
    "tpe": "hptjax.strategies.tpe",
}
FAMILIES: dict[str, str] = {
    "optuna": "hptjax.strategies.optuna_family",
    "evosax": "hptjax.strategies.evosax_family",
}


@fixed_settings()
def check_options(name: str, tree: Mapping[str, Any]) -> BaseModel:
    """The options of a searcher, checked; ConfigError naming what is wrong with name or options."""
    return validated(find_kind(name).Options, tree, f"strategies.{name}")


@fixed_settings()
def make_searcher(
    name: str, context: SearchContext, options: Mapping[str, Any] | None = None
) -> Searcher:
    """A fresh searcher; ConfigError for an unknown name or an unusable option."""
    return find_kind(name).make(context, check_options(name, options or {}))


def family_members() -> list[str]:
    """The full names of all searchers that belong to families; imports their libraries."""
    return [
        f"{family}.{member}"
        for family, module in FAMILIES.items()
        for member in import_module(module).members()
    ]


def find_kind(name: str) -> SearcherKind:
    """What the table has under a name; ConfigError for an unknown one."""
    family, _, member = name.partition(".")
    if family in FAMILIES:
        return import_module(FAMILIES[family]).kind(member)
    if name not in TABLE:
        known = [*TABLE, *(f"{family}.<name>" for family in FAMILIES)]
        raise ConfigError(f"strategies: unknown strategy {name!r}; {did_you_mean(name, known)}")
    module = import_module(TABLE[name])
    return SearcherKind(module.Options, module.make)
