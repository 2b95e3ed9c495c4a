"""The table of searchers: what may stand under `strategies` in a study.

A row names a module, or an object, that has `Options`, a pydantic model of what the searcher can be
told, and `make(context, options)`; or a class of searchers with `Options`, made of the same two. A
family is a library of searchers, each named `family.member`.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from hptjax.config.named import Spelling
from hptjax.settings import fixed_settings
from hptjax.strategies.base import SearchContext, Searcher, SearcherKind
from hptjax.table import Table

SEARCHERS: Table[SearcherKind] = Table(
    "searchers",
    "strategy",
    {
        "des": "hptjax.strategies.des",
        "grid": "hptjax.strategies.grid",
        "random": "hptjax.strategies.random",
        "tpe": "hptjax.strategies.tpe",
        "optuna.<name>": "hptjax.strategies.optuna_family:kind",
        "evosax.<name>": "hptjax.strategies.evosax_family:kind",
    },
    needs=("Options",),
)


@fixed_settings()
def check_options(name: str, tree: Any) -> BaseModel:
    """The options of a searcher, checked; ConfigError naming what is wrong with name or options."""
    kind = SEARCHERS.find(name, "strategies")
    return Spelling(name, tree, f"strategies.{name}").options(kind.Options)


@fixed_settings()
def make_searcher(
    name: str, context: SearchContext, options: Mapping[str, Any] | None = None
) -> Searcher:
    """A fresh searcher; ConfigError for an unknown name or an unusable option."""
    kind = SEARCHERS.find(name, "strategies")
    make: Any = getattr(kind, "make", kind)
    return make(context, check_options(name, options or {}))
