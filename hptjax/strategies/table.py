"""The table of searchers, which a study names under `strategies`.

A row names a module or an object with `Options`, a pydantic model of the searcher's options, and
`make(context, options)`; or a class of searchers with `Options` and the same two arguments. A
family is a library of searchers, each named `family.member`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from hptjax.config.label import check_label
from hptjax.config.named import Named, Spelling
from hptjax.errors import ConfigError
from hptjax.importing import is_place
from hptjax.settings import fixed_settings
from hptjax.strategies.base import SearchContext, Searcher, SearcherKind
from hptjax.table import Table

SEARCHERS: Table[SearcherKind] = Table(
    "searchers",
    "searcher",
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


class StrategyConfig(Named):
    """One strategy of a study: its name in the table of searchers, and its options.

    label: the name in its records; by default the name, or the attribute of `module:attribute`.
    """

    label: str

    @classmethod
    def from_tree(cls, tree: Any) -> "StrategyConfig":
        """Reads any form of a part, with a label among its options; ConfigError for a mistake."""
        if isinstance(tree, StrategyConfig):
            return tree
        must = "strategies: must be names, or mappings such as {name: des}"
        spelling = Spelling.of(tree, "strategies", must)
        name, given = spelling.word, spelling.given
        label = name.partition(":")[2] if is_place(name) else name
        if isinstance(given, Mapping):
            label = given.get("label", label)
            given = {key: value for key, value in given.items() if key != "label"}
        options = check_options(name, given)
        return cls(name=name, label=check_label(label, "strategies.label"), options=options)

    def _other_keys(self) -> dict[str, Any]:
        return {} if self.label == self.name else {"label": self.label}


def strategies_of(tree: Any) -> tuple[StrategyConfig, ...]:
    """The strategies of a list of parts, or of one; ConfigError for a mistake."""
    items = tree if isinstance(tree, list | tuple) else (tree,)
    return tuple(StrategyConfig.from_tree(item) for item in items)


def with_searcher(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A study's keys, with `searcher` renamed to `strategies`, the key in files."""
    if "searcher" not in tree:
        return dict(tree)
    if "strategies" in tree:
        raise ConfigError("searcher: says what strategies does; leave one of them out.")
    return {"strategies" if key == "searcher" else key: value for key, value in tree.items()}


@contextmanager
def as_searcher(written: bool) -> Iterator[None]:
    """Makes errors say `searcher` in the place of `strategies`, if the user has written so."""
    try:
        yield
    except ConfigError as error:
        text = str(error)
        if not written or not text.startswith("strategies"):
            raise
        raise ConfigError(f"searcher{text.removeprefix('strategies')}", error.more) from None


@fixed_settings()
def check_options(name: str, tree: Any) -> BaseModel:
    """The checked options of a searcher; ConfigError for a wrong name or option."""
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
