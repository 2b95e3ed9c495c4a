"""Lifts the entries out of a model into a flat space of names.

A plain model is left, with a default in the place of each entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hptjax.config.entry_forms import is_entry, refuse_range
from hptjax.config.items import ABSENT, STACK, Item, Spelled, spelled, spelled_alone
from hptjax.config.lifter import CHOICES, Lifter
from hptjax.config.options import DEPTH, known_options, option_kinds
from hptjax.config.parts import LAYERS, NESTED
from hptjax.config.recipe import Recipe
from hptjax.config.targets import PARTS, TABLE
from hptjax.errors import ConfigError, shown, shown_key
from hptjax.table import Table

NATIVE = ("layers", "flax")  # a native model has one of these keys
# only the original's form has betas here
_RECIPE = tuple(rule.key for rule in TABLE if not rule.where)


@dataclass(frozen=True)
class Lifted:
    """A plain model and the entries of its hparams, as `Space` reads them.

    A name with `*` stands for each copy of a layer. paths: where each entry stood. defaults: the
    value in its place in the model; for a choice with names, the name.
    """

    model: dict[str, Any]
    entries: dict[str, dict[str, Any]]
    paths: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def lift(model: Mapping[str, Any]) -> Lifted:
    """Lifts the entries of a model in either form; raises ConfigError, which names the path."""
    lifter = _ModelLifter()
    return Lifted(lifter.model(model), lifter.entries, lifter.paths, lifter.defaults)


def is_open(model: Mapping[str, Any]) -> bool:
    """Says whether a model has entries; raises ConfigError for a mistake in one."""
    return bool(lift(model).entries)


def lift_entry(name: str, tree: Mapping[str, Any], table: Table | None) -> tuple[Any, Lifted]:
    """Lifts an entry of `space:`; returns its default, and the entry with all entries inside it."""
    lifter = _ModelLifter()
    default = lifter.value(tree, name, f"space.{name}", table)
    return default, Lifted({}, lifter.entries, lifter.paths)


def lift_kinds(name: str, tree: Mapping[str, Any]) -> tuple[Any, Lifted]:
    """Lifts a choice of layers as `lift_entry` does; its default has no label."""
    lifter = _ModelLifter()
    own = Spelled("choice", {}, f"space.{name}", name, named=True)
    default = lifter.kinds(dict(tree), name, (name,), own)
    return default, Lifted({}, lifter.entries, lifter.paths)


class _ModelLifter(Lifter):
    """A lifter that knows the keys of models and the names of options of layers."""

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

    def layers(self, trees: Any, around: tuple[str, ...], path: str) -> Any:
        """Lifts a list of layers; around: labels of outer stacks, `*` after a repeated stack."""
        if isinstance(trees, tuple) and all(isinstance(tree, Item) for tree in trees):
            return trees  # they have been read already
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
        """Returns the options of a layer, with defaults in the place of entries."""
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

    def kinds(self, given: dict[str, Any], shared: str, each: tuple[str, ...], own: Spelled) -> Any:
        """Lifts a choice of layers; names of entries inside a layer include the layer's word."""
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
        words, lifted, place = [], [], len(self.entries)
        for k, tree in enumerate(trees):
            one = spelled_alone(tree, f"{own.path}.choice.{k}")
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
        meanings = self.meanings(named, words, lifted, own.path)
        self.check_words(words, shared, own.path)
        tree = {key: value for key, value in given.items() if key not in CHOICES}
        chosen = self.entry({**tree, "choice": meanings}, shared, own.path, place=place)
        meaning = meanings[chosen] if isinstance(meanings, Mapping) else chosen
        word, inner = next(iter(meaning.items())) if isinstance(meaning, dict) else (meaning, {})
        return {word: {**outer, **inner}}


def _refuse(key: str, value: Any, path: str) -> None:
    """Raises ConfigError for a range that is written in the words of another tool."""
    if key in PARTS or is_entry(value) or key not in Recipe.model_fields:
        return
    kinds = option_kinds(Recipe, key)
    if kinds & {int, float}:
        refuse_range(value, path, whole=int in kinds)
