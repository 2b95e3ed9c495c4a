"""Reads the argument `searcher` of `hptjax.tune`: words of the table, or the user's own."""

import inspect
from collections.abc import Mapping
from typing import Any

from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, shown
from hptjax.search.run import SearcherFactory
from hptjax.strategies.base import SearchContext, Searcher
from hptjax.strategies.table import StrategyConfig, make_searcher
from hptjax.study.config import StudyConfig

FORMS = "a word such as 'tpe', a mapping such as {'des': {...}}, a searcher's class, or a list"
LIBRARIES = ("optuna", "evosax")


class NoOptions(Frozen):
    """The options of a given searcher object, which has them already."""


def read_searchers(searcher: Any) -> tuple[list[Any], dict[str, SearcherFactory]]:
    """Splits searchers into those for a study's config and the user's own, by label.

    Raises ConfigError for another form.
    """
    items = searcher if isinstance(searcher, list | tuple) else [searcher]
    if not items:
        raise ConfigError(f"searcher: must be {FORMS}, got {shown(searcher)}.")
    trees, own = [], {}
    for item in items:
        if isinstance(item, str | Mapping | StrategyConfig):
            trees.append(item)
        else:
            noted, make = _own(item)
            trees.append(noted)
            own[noted.label] = make
    return trees, own


def factories(
    study: StudyConfig, own: Mapping[str, SearcherFactory]
) -> dict[str, SearcherFactory] | None:
    """{label: the function that makes the searcher}; None if all are in the table."""
    if not own:
        return None
    return {
        strategy.label: own.get(
            strategy.label,
            lambda context, named=strategy: make_searcher(
                named.name, context, named.options.model_dump()
            ),
        )
        for strategy in study.strategies
    }


def _own(item: Any) -> tuple[StrategyConfig, SearcherFactory]:
    """The config and the factory of a user's searcher, or class; its label is the class's name."""
    kind: Any = item if inspect.isclass(item) else type(item)
    library = kind.__module__.partition(".")[0]
    if library in LIBRARIES:
        raise ConfigError(
            f"searcher: give {library}'s by its word, '{library}.{kind.__name__}', with its "
            f"options as in {{'{library}.{kind.__name__}': {{...}}}}."
        )
    if not all(callable(getattr(item, name, None)) for name in ("ask", "tell")):
        raise ConfigError(f"searcher: must be {FORMS}, got {shown(item)}.")
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not inspect.isclass(item):
        noted = StrategyConfig(name=name, label=kind.__name__, options=NoOptions())
        return noted, lambda context: item
    options = getattr(kind, "Options", NoOptions)()

    def make(context: SearchContext) -> Searcher:
        return kind(context, options)

    return StrategyConfig(name=name, label=kind.__name__, options=options), make
