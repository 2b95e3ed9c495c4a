"""Parts of a config that are named in a table and given options: the grammar of all of them.

A part is written `word`, `word: value` (of its main option), `word: {option: value}`, or, as the
first configs have it, `{name: word, option: value}`.
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
    """A part's name in its table, and the options that it is given.

    Of a part that is a class of options, `options` is the part itself.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    options: Options

    def __class_getitem__(cls, options: Any) -> Any:
        """The class itself: what the options are is for type checkers, and a copy has no pickle."""
        return cls

    def to_tree(self) -> Any:
        """The shortest form that the part is read from: options at their defaults are left out."""
        given = self.options.model_dump(mode="json", exclude_defaults=True)
        main = main_option(type(self.options))
        if not given:
            return self.name
        if main is None or list(given) != [main] or isinstance(given[main], Mapping | None):
            return {self.name: given}
        return {self.name: given[main]}


class Named(Part[Options]):
    """A part that is written back as `{name: word, option: value}`, as runs have noted it."""

    def to_tree(self) -> str | dict[str, Any]:
        """What the part is read from; without the options that are left at their defaults."""
        tree = {"name": self.name, **self._other_keys()}
        tree |= self.options.model_dump(mode="json", exclude_defaults=True)
        return tree if len(tree) > 1 else self.name

    def _other_keys(self) -> dict[str, Any]:
        """Those that stand beside name and options, where they say something."""
        return {}


@dataclass(frozen=True)
class Spelling:
    """What a part's tree says: a word and what it is given.

    path: where that which it is given stands.
    """

    word: str
    given: Any
    path: str

    @classmethod
    def of(cls, tree: Any, path: str, must: str) -> Self:
        """From any form of a part; ConfigError, in the words of must, for another tree."""
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
        """What it is given, as options of this model; ConfigError naming the dotted path.

        others: of the model's options, those that no user gives.
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
    """The part that a tree spells; path: of the tree in the user's config.

    What the table has must be classes of options, or have one as their `Options`. A class of the
    table, or an instance of one, stands for itself. Raises ConfigError for another tree, an unknown
    word, and options that are not usable.
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
    """The model of what a part can be told: its `Options`, else the part itself."""
    return getattr(found, "Options", found)


def main_option(model: type[BaseModel]) -> str | None:
    """The option that a bare value stands for, `main` of the class; None where there is none."""
    return getattr(model, "main", None)


def with_name(tree: Any) -> Any:
    """A part's tree as `{name: word, option: value}`; one that has no such form as it is."""
    if isinstance(tree, str):
        return {"name": tree}
    if isinstance(tree, Mapping) and len(tree) == 1:
        [(word, given)] = tree.items()
        if word not in RESERVED and isinstance(given, Mapping | None):
            return {"name": word, **(given or {})}
    return tree
