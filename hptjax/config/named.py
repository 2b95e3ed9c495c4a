"""The grammar of parts: pieces of a config that are named in a table and take options.

A part is written `word`, `word: value` (the value of its main option), `word: {option: value}`, or,
as in older configs, `{name: word, option: value}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.table import Table

Options = TypeVar("Options", bound=BaseModel)
RESERVED = ("name", "label")  # keys that stand beside options, and so name no part


class Part(Frozen, Generic[Options]):
    """A part: its name in its table, and its options.

    If the class of a part is its class of options, `options` is the part itself.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    options: Options

    def __class_getitem__(cls, options: Any) -> Any:
        """Returns the class itself: the type is for type checkers, and a copy cannot be pickled."""
        return cls

    def to_tree(self) -> Any:
        """The shortest form of the part, without the options at their defaults."""
        given = self.options.model_dump(mode="json", exclude_defaults=True)
        main = main_option(type(self.options))
        if not given:
            return self.name
        if main is None or list(given) != [main] or isinstance(given[main], Mapping | None):
            return {self.name: given}
        return {self.name: given[main]}


class Named(Part[Options]):
    """A part that is written as `{name: word, option: value}`, as the files of runs have it."""

    def to_tree(self) -> str | dict[str, Any]:
        """The part as plain data, without the options at their defaults."""
        tree = {"name": self.name, **self._other_keys()}
        tree |= self.options.model_dump(mode="json", exclude_defaults=True)
        return tree if len(tree) > 1 else self.name

    def _other_keys(self) -> dict[str, Any]:
        """The keys beside the name and the options, unless they are at their defaults."""
        return {}


@dataclass(frozen=True)
class Spelling:
    """The content of a part's tree: a word and the value that it is given.

    path: where that value stands.
    """

    word: str
    given: Any
    path: str

    @classmethod
    def of(cls, tree: Any, path: str, must: str) -> Self:
        """Reads any form of a part; raises ConfigError, beginning with must, for another tree."""
        if isinstance(tree, str):
            return cls(tree, {}, path)
        if isinstance(tree, Mapping) and isinstance(tree.get("name"), str):
            return cls(tree["name"], {k: v for k, v in tree.items() if k != "name"}, path)
        if isinstance(tree, Mapping) and len(tree) == 1:
            [(word, value)] = tree.items()
            if isinstance(word, str) and word not in RESERVED:
                return cls(word, {} if value is None else value, f"{path}.{shown_key(word)}")
        raise ConfigError(f"{must}, got {shown(tree)}.")

    def options(self, model: type[Options], **others: Any) -> Options:
        """The given value as options of this model; ConfigError, which names the dotted path.

        others: the options of the model that no user gives.
        """
        given, main = self.given, main_option(model)
        if not isinstance(given, Mapping):
            if main is None:
                known = [name for name in model.model_fields if name not in others]
                raise ConfigError(
                    f"{self.path}: must be a mapping of options, got {shown(given)}; "
                    f"{did_you_mean('', known)}"
                )
            given = {main: given}
        return validated(model, {**given, **others}, self.path)


def part(table: Table[type[Options]], tree: Any, path: str) -> Part[Options]:
    """Reads a part from a tree; path: where the tree stands in the user's config.

    The objects of the table must be classes of options, or have one as `Options`. tree: may also be
    a class of the table or an instance of one. Raises ConfigError for any other tree, an unknown
    word, and wrong options.
    """
    if isinstance(tree, Part):
        return tree
    if isinstance(tree, BaseModel):
        table.check(type(tree), f"{path}: {shown(tree)}")
        return Part(name=table.word_of(type(tree)), options=cast(Options, tree))
    if isinstance(tree, type) and issubclass(tree, BaseModel):
        table.check(tree, f"{path}: {shown(tree)}")
        kind = cast(type[Options], tree)
        return Part(name=table.word_of(kind), options=Spelling("", {}, path).options(kind))
    must = f"{path}: must name one {table.noun}, as in {{NAME: {{OPTION: VALUE}}}}"
    spelling = Spelling.of(tree, path, must)
    found = table.find(spelling.word, path)
    return Part(name=spelling.word, options=spelling.options(options_of(found)))


def options_of(found: Any) -> Any:
    """The class of a part's options: its `Options`, or the part itself."""
    return getattr(found, "Options", found)


def main_option(model: type[BaseModel]) -> str | None:
    """The option that a bare value sets, `main` of the class; None if it has none."""
    return getattr(model, "main", None)


def with_name(tree: Any) -> Any:
    """A part's tree as `{name: word, option: value}`; unchanged if it cannot have that form."""
    if isinstance(tree, str):
        return {"name": tree}
    if isinstance(tree, Mapping) and len(tree) == 1:
        [(word, given)] = tree.items()
        if word not in RESERVED and isinstance(given, Mapping | None):
            return {"name": word, **(given or {})}
    return tree
