"""Lifts the entries that stand in a model into a flat space of names: what is tuned, where it acts.

What is left is a plain model with a default in the place of each entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hptjax.config.entry_forms import entry_tree, is_entry, refuse_range
from hptjax.config.hparams import PARTS, TABLE
from hptjax.config.items import ABSENT, DEPTH, STACK, Spelled, known_options, option_kinds, spelled
from hptjax.config.layer_hparams import NESTED
from hptjax.config.model import NATIVE
from hptjax.config.named import Spelling, main_option, options_of
from hptjax.config.parts import LAYERS
from hptjax.config.recipe import Recipe
from hptjax.errors import ConfigError, shown, shown_key
from hptjax.space import entry_from_dict
from hptjax.table import Table

_RECIPE = tuple(rule.key for rule in TABLE if not rule.where)  # betas stand there in one form


@dataclass(frozen=True)
class Lifted:
    """A plain model and the entries of its hparams, as `Space` reads them.

    Names with `*` are of each copy of a layer. defaults: those that entries by path give.
    """

    model: dict[str, Any]
    entries: dict[str, dict[str, Any]]
    paths: Mapping[str, str] = field(default_factory=dict)


def lift(model: Mapping[str, Any]) -> Lifted:
    """The entries of a model in either form; ConfigError naming the path of a mistake."""
    lifter = _Lifter()
    return Lifted(lifter.model(model), lifter.entries, lifter.paths)


def is_open(model: Mapping[str, Any]) -> bool:
    """Whether a model has entries; ConfigError for a mistake in one."""
    return bool(lift(model).entries)


def lift_entry(name: str, tree: Mapping[str, Any], table: Table | None) -> tuple[Any, Lifted]:
    """The default of an entry that stands by a name, and what it holds, under names of its own."""
    lifter = _Lifter()
    default = lifter.value(tree, name, f"space.{name}", table)
    return default, Lifted({}, lifter.entries, lifter.paths)


def lift_kinds(name: str, tree: Mapping[str, Any]) -> tuple[Any, Lifted]:
    """As `lift_entry` of a choice of layers by its label; the default without the label."""
    lifter = _Lifter()
    own = Spelled("choice", {}, f"space.{name}", name, named=True)
    default = lifter.kinds(dict(tree), name, (name,), own)
    return default, Lifted({}, lifter.entries, lifter.paths)


@dataclass
class _Lifter:
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def model(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in tree.items():
            path = f"model.{shown_key(key)}"
            if key == "layers":
                out[key] = self.layers(value, (), "model.layers")
            elif key in NATIVE:
                out[key] = self.plain(value, key, path)
            elif key in _RECIPE or key in PARTS:
                _refuse(key, value, path)
                out[key] = self.value(value, key, path, PARTS.get(key))
            else:
                out[key] = value
        return out

    def plain(self, tree: Any, name: str, path: str) -> Any:
        """A tree of options all of whose mappings are options, too."""
        if is_entry(tree):
            return self.entry(tree, name, path)
        if not isinstance(tree, Mapping):
            return tree
        return {
            key: self.plain(value, f"{name}.{key}", f"{path}.{shown_key(key)}")
            for key, value in tree.items()
        }

    def layers(self, trees: Any, around: tuple[str, ...], path: str) -> list[Any]:
        """around: the names of stacks around, with `*` for the copies of each that has some."""
        return [self.item(own, around) for own in spelled(trees, path)]

    def item(self, own: Spelled, around: tuple[str, ...]) -> Any:
        shared = ".".join((*(step for step in around if step != "*"), own.label))
        given = dict(own.given)
        if own.named:
            given["label"] = own.label
        inner = (*around, own.label)
        if DEPTH in given:
            given[DEPTH] = self.value(given[DEPTH], f"{shared}.{DEPTH}", f"{own.path}.{DEPTH}")
            inner = (*inner, "*")
        if own.word == "choice":
            return self.kinds(given, shared, inner, own)
        if own.word == STACK and "layers" in given:
            given["layers"] = self.layers(given["layers"], inner, f"{own.path}.layers")
        elif own.word not in (STACK, ABSENT):
            given |= self.options(given, shared, inner, own.word, own.path)
        return {own.word: given} if given else own.word

    def options(
        self, given: Mapping[str, Any], shared: str, each: tuple[str, ...], word: str, path: str
    ) -> dict[str, Any]:
        """The options of a layer without its entries."""
        cls = LAYERS.find(word, path)
        out: dict[str, Any] = {}
        for key, value in given.items():
            if key not in known_options(word, cls):
                continue
            at, table = f"{path}.{key}", NESTED.get(key)
            kinds = option_kinds(cls, key)
            number = kinds & {int, float} and tuple not in kinds
            if number and isinstance(value, Mapping) and not is_entry(value):
                refuse_range(value, at, whole=int in kinds)
            name, names = f"{shared}.{key}", (*each, key)
            out[key] = self.copies(value, name, names, at, table)
        return out

    def copies(
        self, value: Any, name: str, names: tuple[str, ...], path: str, table: Table | None
    ) -> Any:
        """A value, or a list copy by copy some of which may be entries."""
        stars = [k for k, step in enumerate(names) if step == "*"]
        if not isinstance(value, list | tuple) or not stars or not any(map(_has_entry, value)):
            return self.value(value, name, path, table, ".".join(names))
        at = stars[-1]
        out = []
        for k, own in enumerate(value):
            one = (*names[:at], str(k), *names[at + 1 :])
            shared = ".".join(step for step in one if step != "*")
            out.append(self.copies(own, shared, one, f"{path}.{k}", table))
        return out

    def kinds(self, given: dict[str, Any], shared: str, each: tuple[str, ...], own: Spelled) -> Any:
        """One of a choice of layers; the entries of each stand under its word."""
        if not own.named:
            raise ConfigError(
                f"{own.path}: a choice of layers needs a label, as in "
                "{label: pool, choice: [max_pool, avg_pool, none]}."
            )
        outer = {key: given.pop(key) for key in ("label", DEPTH) if key in given}
        choices = given.get("choice", given.get("choices"))
        named = dict(choices) if isinstance(choices, Mapping) else None
        trees = list(choices.values()) if isinstance(choices, Mapping) else choices
        if not isinstance(trees, list | tuple) or not trees:
            raise ConfigError(f"{own.path}.choice: must be a list of layers, got {shown(choices)}.")
        words, lifted = [], []
        for k, tree in enumerate(trees):
            [one] = spelled([tree], f"{own.path}.choice.{k}")
            if one.word in (STACK, "choice") or one.named or DEPTH in one.given:
                raise ConfigError(
                    f"{one.path}: must be a layer without label and depth of its own."
                )
            words.append(one.word)
            inner = dict(one.given)
            if one.word != ABSENT:
                names = (*each, one.word)
                inner |= self.options(inner, f"{shared}.{one.word}", names, one.word, one.path)
            lifted.append({one.word: inner} if inner else one.word)
        meanings = self._meanings(named, words, lifted, own.path)
        self._check_words(words, shared, own.path)
        tree = {key: value for key, value in given.items() if key not in ("choice", "choices")}
        chosen = self.entry({**tree, "choice": meanings}, shared, own.path)
        meaning = meanings[chosen] if isinstance(meanings, Mapping) else chosen
        word, inner = next(iter(meaning.items())) if isinstance(meaning, dict) else (meaning, {})
        return {word: {**outer, **inner}}

    def value(
        self, tree: Any, name: str, path: str, table: Table | None = None, each: str | None = None
    ) -> Any:
        """A value without the entries in it; each: its name where copies have their own."""
        if is_entry(tree):
            choices = tree.get("choice", tree.get("choices"))
            named = isinstance(choices, Mapping)
            trees = list(choices.values()) if isinstance(choices, Mapping) else choices
            if table is not None and isinstance(trees, list | tuple):
                if named or any(isinstance(own, Mapping) for own in trees):
                    return self.parts(tree, trees, name, path, table, each)
            chosen = self.entry(tree, name, path, each)
            return choices[chosen] if isinstance(choices, Mapping) else chosen
        if table is None or not isinstance(tree, Mapping):
            return tree
        return self.part(tree, name, path, table, each)

    def part(
        self, tree: Any, name: str, path: str, table: Table, each: str | None, word: bool = False
    ) -> Any:
        """A part without the entries of its options; word: whether it names them, too."""
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
        """A choice of parts; the entries of each stand under its word."""
        lifted, words = [], []
        choices = tree.get("choice", tree.get("choices"))
        named = dict(choices) if isinstance(choices, Mapping) else None
        for k, own in enumerate(trees):
            at = f"{path}.choice.{k}"
            words.append(Spelling.of(own, at, f"{at}: must name a {table.noun}").word)
            lifted.append(self.part(own, name, at, table, each, word=True))
        meanings = self._meanings(named, words, lifted, path)
        self._check_words(words, name, path)
        others = {key: value for key, value in tree.items() if key not in ("choice", "choices")}
        chosen = self.entry({**others, "choice": meanings}, name, path, each)
        return meanings[chosen] if isinstance(meanings, Mapping) else chosen

    def _meanings(
        self, named: dict[str, Any] | None, words: Sequence[str], trees: Sequence[Any], path: str
    ) -> Any:
        """The choices, by their words where one is more than a word."""
        names = list(words) if named is None else list(named)
        if len(set(names)) < len(names):
            raise ConfigError(
                f"{path}.choice: names {next(n for n in names if names.count(n) > 1)!r} twice; "
                "name the choices, as in {choice: {fast: {sgd: {momentum: 0.9}}, slow: sgd}}."
            )
        if names == list(trees):
            return names
        return dict(zip(names, trees, strict=True))

    def _check_words(self, words: Sequence[str], name: str, path: str) -> None:
        """ConfigError where an entry within a choice would be that of another choice, too."""
        for word in (word for word in words if words.count(word) > 1):
            if any(own.startswith(f"{name}.{word}.") for own in self.entries):
                raise ConfigError(
                    f"{path}.choice: {word!r} stands there twice, so its options must be plain "
                    "values."
                )

    def entry(self, tree: Mapping[str, Any], name: str, path: str, each: str | None = None) -> Any:
        """Takes an entry into the space; gives its default."""
        own = entry_tree(tree, path)
        is_each, default = own.pop("each", False), own.pop("default", None)
        if not isinstance(is_each, bool):
            raise ConfigError(f"{path}.each: must be true or false, got {shown(is_each)}.")
        entry = entry_from_dict(own, path)
        if is_each:
            if each is None or "*" not in each.split("."):
                raise ConfigError(f"{path}.each: there is one copy only; give the layer a depth.")
            name = each
        self._take(name, own, path)
        if default is None:
            return entry.choices[0] if entry.kind == "choice" else entry.from_unit(0.5)
        try:
            return entry.check(default)
        except ConfigError as error:
            raise ConfigError(f"{path}.default: {error}") from None

    def _take(self, name: str, entry: dict[str, Any], path: str) -> None:
        if name in self.entries:
            raise ConfigError(
                f"{path}: {name!r} has an entry already, at {self.paths[name]}; two of a choice "
                "may not both have one."
            )
        self.entries[name], self.paths[name] = entry, path


def _has_entry(tree: Any) -> bool:
    return is_entry(tree) or (isinstance(tree, list | tuple) and any(map(_has_entry, tree)))


def _refuse(key: str, value: Any, path: str) -> None:
    """ConfigError for a recipe's number that is meant as a range, in another's words."""
    if key in PARTS or is_entry(value) or key not in Recipe.model_fields:
        return
    kinds = option_kinds(Recipe, key)
    if kinds & {int, float}:
        refuse_range(value, path, whole=int in kinds)
