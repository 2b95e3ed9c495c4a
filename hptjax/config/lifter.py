"""Lifts entries out of values and parts into a flat space of names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hptjax.config.entry_forms import entry_tree, is_entry
from hptjax.config.named import Spelling, main_option, options_of
from hptjax.config.options import list_nesting
from hptjax.entries import Categorical, Entry
from hptjax.errors import ConfigError, shown, shown_key
from hptjax.space import entry_from_dict
from hptjax.table import Table

CHOICES = ("type", "choice", "choices")  # keys that hold the choices


@dataclass
class Lifter:
    """The entries lifted so far, by their names, as `Space` reads them, with their paths.

    defaults: the value, or the name of the choice, in the place of each entry. Each method returns
    a plain value, with a default in the place of each entry.
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)

    def plain(self, tree: Any, name: str, path: str) -> Any:
        """Lifts the entries out of nested options; the keys that lead to an entry are its name."""
        if is_entry(tree):
            return self.entry(tree, name, path)
        if not isinstance(tree, Mapping):
            return tree
        return {
            key: self.plain(value, f"{name}.{key}", f"{path}.{shown_key(key)}")
            for key, value in tree.items()
        }

    def copies(
        self, value: Any, name: str, names: tuple[str, ...], path: str, table: Table | None
    ) -> Any:
        """Lifts the entries of an option, also of a list that has entries for some copies."""
        stars = [k for k, step in enumerate(names) if step == "*"]
        if not isinstance(value, list | tuple) or not stars or not any(map(_has_entry, value)):
            return self.value(value, name, path, table, ".".join(names))
        at = stars[-list_nesting(value, len(stars))]
        out = []
        for k, own in enumerate(value):
            one = (*names[:at], str(k), *names[at + 1 :])
            shared = ".".join(step for step in one if step != "*")
            out.append(self.copies(own, shared, one, f"{path}.{k}", table))
        return out

    def value(
        self, tree: Any, name: str, path: str, table: Table | None = None, each: str | None = None
    ) -> Any:
        """Lifts the entries of a value; each: the name of an entry with `each: true`."""
        if is_entry(tree):
            choices = tree.get("choice", tree.get("choices"))
            named = isinstance(choices, Mapping)
            trees = list(choices.values()) if isinstance(choices, Mapping) else choices
            whole = isinstance(trees, list | tuple) and (
                named or any(isinstance(own, Mapping) for own in trees)
            )
            if table is not None and whole:
                return self.parts(tree, trees, name, path, table, each)
            chosen = self.entry(tree, name, path, each)
            return choices[chosen] if isinstance(choices, Mapping) else chosen
        if table is None or not isinstance(tree, Mapping):
            return tree
        return self.part(tree, name, path, table, each)

    def part(
        self, tree: Any, name: str, path: str, table: Table, each: str | None, word: bool = False
    ) -> Any:
        """Lifts the entries of a part's options; word: whether their names include its word."""
        if not isinstance(tree, Mapping):
            return tree
        own = Spelling.of(tree, path, f"{path}: must name a {table.noun}")
        given = own.given
        if not isinstance(given, Mapping) or is_entry(given):
            main = main_option(options_of(table.find(own.word, path)))
            if main is None or not is_entry(given):
                return tree
            given = {main: given}
        start = f"{name}.{own.word}" if word else name
        each = f"{each}.{own.word}" if each and word else each
        inner = {
            key: self.value(
                value, f"{start}.{key}", f"{own.path}.{key}", None, each and f"{each}.{key}"
            )
            for key, value in given.items()
        }
        return {own.word: inner} if inner else own.word

    def parts(
        self,
        tree: Mapping[str, Any],
        trees: Sequence[Any],
        name: str,
        path: str,
        table: Table,
        each: str | None,
    ) -> Any:
        """Lifts a choice of parts; the name of an entry inside a part includes the part's word."""
        lifted, words, place = [], [], len(self.entries)
        choices = tree.get("choice", tree.get("choices"))
        named = dict(choices) if isinstance(choices, Mapping) else None
        for k, own in enumerate(trees):
            at = f"{path}.choice.{k}"
            words.append(Spelling.of(own, at, f"{at}: must name a {table.noun}").word)
            lifted.append(self.part(own, name, at, table, each, word=True))
        meanings = self.meanings(named, words, lifted, path)
        self.check_words(words, name, path)
        others = {key: value for key, value in tree.items() if key not in CHOICES}
        chosen = self.entry({**others, "choice": meanings}, name, path, each, place)
        return meanings[chosen] if isinstance(meanings, Mapping) else chosen

    def meanings(
        self, named: dict[str, Any] | None, words: Sequence[str], trees: Sequence[Any], path: str
    ) -> Any:
        """Returns the choices; as a mapping from their words, if one is more than a word."""
        names = list(words) if named is None else list(named)
        if len(set(names)) < len(names):
            raise ConfigError(
                f"{path}.choice: names {next(n for n in names if names.count(n) > 1)!r} twice; "
                "name the choices, as in {choice: {fast: {sgd: {momentum: 0.9}}, slow: sgd}}."
            )
        if names == list(trees):
            return names
        return dict(zip(names, trees, strict=True))

    def check_words(self, words: Sequence[str], name: str, path: str) -> None:
        """Raises ConfigError if entries within two choices would have the same name."""
        for word in (word for word in words if words.count(word) > 1):
            if any(own.startswith(f"{name}.{word}.") for own in self.entries):
                raise ConfigError(
                    f"{path}.choice: {word!r} stands there twice, so its options must be plain "
                    "values."
                )

    def entry(
        self,
        tree: Mapping[str, Any],
        name: str,
        path: str,
        each: str | None = None,
        place: int | None = None,
    ) -> Any:
        """Adds an entry to the space, at its end or at a given place; returns its default."""
        own = entry_tree(tree, path)
        is_each, default = own.pop("each", False), own.pop("default", None)
        if not isinstance(is_each, bool):
            raise ConfigError(f"{path}.each: must be true or false, got {shown(is_each)}.")
        entry = entry_from_dict(own, path)
        if is_each:
            if each is None or "*" not in each.split("."):
                raise ConfigError(f"{path}.each: there is one copy only; give the layer a depth.")
            name = each
        self._take(name, own, path, len(self.entries) if place is None else place)
        self.defaults[name] = _default(entry, default, path)
        return self.defaults[name]

    def _take(self, name: str, entry: dict[str, Any], path: str, place: int) -> None:
        if name in self.entries:
            raise ConfigError(
                f"{path}: {name!r} has an entry already, at {self.paths[name]}; two of a choice "
                "may not both have one."
            )
        items = list(self.entries.items())
        self.entries = dict([*items[:place], (name, entry), *items[place:]])
        self.paths[name] = path


def _default(entry: Entry, given: Any, path: str) -> Any:
    """Returns the default of an entry: the given one, mid-scale, or the first choice."""
    if given is None:
        return entry.choices[0] if isinstance(entry, Categorical) else entry.from_unit(0.5)
    try:
        return entry.check(given)
    except ConfigError as error:
        raise ConfigError(f"{path}.default: {error}") from None


def _has_entry(tree: Any) -> bool:
    return is_entry(tree) or (isinstance(tree, list | tuple) and any(map(_has_entry, tree)))
