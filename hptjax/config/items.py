"""Reads and writes the list `layers:` of a model: words, labels, depths, options."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from hptjax.config.copies import to_tree
from hptjax.config.entry_forms import is_entry
from hptjax.config.named import Spelling, main_option
from hptjax.config.options import (
    DEPTH,
    HEAD,
    Depth,
    dumped,
    in_class_order,
    known_options,
    read_value,
)
from hptjax.config.parts import LAYERS
from hptjax.config.recipe import Recipe
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key

PYTHON = "hptjax.layers"  # the module whose functions write layers in Python
STACK = "stack"  # the word of several layers that are repeated together
ABSENT = "none"  # the word of a layer that is not there
# Words that no label may be: they are keys of entries, of layers or of a model.
RESERVED = ("int", "float", "choice", "choices", "default", "each", "label", DEPTH, "name")
RESERVED += ("layers", "flax", "input", "outputs")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Item:
    """One layer, or a stack of them.

    named: whether the user gave the label. depth: how many copies there are; None for a layer
    without depth. options: values of the layer's class, references, or a `Copies` of these; options
    at their defaults are left out. layers: the items of a stack.
    """

    word: str
    label: str
    named: bool = field(default=False, compare=False)
    depth: Any = None
    options: tuple[tuple[str, Any], ...] = ()
    layers: tuple["Item", ...] = ()

    @property
    def given(self) -> dict[str, Any]:
        return dict(self.options)

    @property
    def layer_class(self) -> Any:
        """The class of the layer; a stack has none."""
        return LAYERS.find(self.word, "model.layers")

    @property
    def known(self) -> tuple[str, ...]:
        """The options that a user may give."""
        return known_options(self.word, self.layer_class) if self.is_layer else ()

    @property
    def is_layer(self) -> bool:
        return self.word not in (STACK, ABSENT)


@dataclass(frozen=True)
class Spelled:
    """One element of `layers:` as it is written: a word, its options, and its path."""

    word: str
    given: dict[str, Any]
    path: str
    label: str
    named: bool


def spelled(trees: Any, path: str) -> list[Spelled]:
    """Splits a list of layers into its elements and labels them; raises ConfigError."""
    if not isinstance(trees, list | tuple) or not trees:
        raise ConfigError(f"{path}: must be a list of layers, got {shown(trees)}.")
    count: Counter[str] = Counter()
    out = []
    for k, tree in enumerate(trees):
        own = spelled_alone(tree, f"{path}.{k}")
        if not own.named:
            own = replace(own, label=_unlabelled(own.word, count[own.word]))
            count[own.word] += 1
        out.append(own)
    _check_labels(out, path)
    return out


def _unlabelled(word: str, number: int) -> str:
    """Makes the label of a layer without one from its word and a number: `conv0`."""
    own = re.split(r"[:.]", word)[-1]  # my_nets:Scale becomes Scale
    return own if word == HEAD else f"{own}{number}"


def spelled_alone(tree: Any, path: str) -> Spelled:
    """Splits one element of a list; its label is its word if the user gave none."""
    word, given, where = _spelling(tree, path)
    label = given.pop("label", None)
    if label is None:
        return Spelled(word, given, where, word, named=False)
    return Spelled(word, given, where, _checked_label(label, where), named=True)


def _spelling(tree: Any, path: str) -> tuple[str, dict[str, Any], str]:
    if isinstance(tree, BaseModel):
        LAYERS.check(type(tree), f"{path}: {shown(tree)}")
        given = {name: getattr(tree, name) for name in tree.model_fields_set}
        return LAYERS.word_of(type(tree)), given, path
    if callable(tree):
        name = getattr(tree, "__qualname__", type(tree).__name__)
        own = f"L.{name}" if getattr(tree, "__module__", "") == PYTHON else name
        raise ConfigError(f"{path}: {name} is a layer only once it is called: write {own}().")
    if isinstance(tree, Mapping) and ("choice" in tree or "choices" in tree):
        return "choice", dict(tree), path
    must = f"{path}: must be a layer, as in {{conv: {{out_channels: 32}}}}"
    spelling = Spelling.of(tree, path, must)
    word, given = spelling.word, spelling.given
    if word in (STACK, ABSENT):
        if not isinstance(given, Mapping):
            raise ConfigError(f"{spelling.path}: must be a mapping, got {shown(given)}.")
        return word, dict(given), spelling.path
    if isinstance(given, Mapping) and not is_entry(given):
        return word, dict(given), spelling.path
    cls = LAYERS.find(word, path)
    main = main_option(cls)
    if main is None:
        hint = did_you_mean("", known_options(word, cls))
        raise ConfigError(
            f"{spelling.path}: must be a mapping of options, got {shown(given)}; {hint}"
        )
    return word, {main: given}, spelling.path


def _checked_label(label: Any, path: str) -> str:
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise ConfigError(
            f"{path}.label: must begin with a letter and hold letters, digits, _ and - only, "
            f"got {shown(label)}."
        )
    if label in RESERVED or label in Recipe.model_fields:
        raise ConfigError(f"{path}.label: must be another word, {label!r} is a key of its own.")
    return label


def _check_labels(items: Sequence[Spelled], path: str) -> None:
    first: dict[str, Spelled] = {}
    for item in items:
        other = first.setdefault(item.label, item)
        if other is not item:
            own = item if item.named else other
            raise ConfigError(f"{own.path}.label: {item.label!r} names two layers of {path}.")


def read_items(trees: Any, path: str = "model.layers", levels: int = 0) -> tuple[Item, ...]:
    """Reads a list of layers; levels: how many repeated stacks it lies in.

    Raises ConfigError, which names the dotted path of the mistake.
    """
    if isinstance(trees, tuple) and all(isinstance(tree, Item) for tree in trees):
        return trees
    return tuple(read_item(own, levels) for own in spelled(trees, path))


def read_item(own: Spelled, levels: int) -> Item:
    if own.word == "choice":
        raise ConfigError(f"{own.path}: a choice of layers is open; a study or `train` closes it.")
    given, depth = dict(own.given), None
    if DEPTH in given:
        depth = _value(Depth, DEPTH, given.pop(DEPTH), own.path, levels)
        levels += 1
    start = own.word, own.label, own.named, depth
    if own.word == STACK:
        layers = read_items(given.pop("layers", None), f"{own.path}.layers", levels)
        _refuse_unknown(given, ("label", DEPTH, "layers"), own.path)
        return Item(*start, layers=layers)
    if own.word == ABSENT:
        _refuse_unknown(given, ("label", DEPTH), own.path)
        return Item(*start)
    cls = LAYERS.find(own.word, own.path)
    if cls.whole:
        raise ConfigError(
            f"{own.path}: is a network by itself, no layer of a list; write "
            f"model: {{{own.word}: {{...}}}}, without layers."
        )
    names = known_options(own.word, cls)
    _refuse_unknown(given, names, own.path)
    options = {
        name: _value(cls, name, given[name], own.path, levels) for name in names if name in given
    }
    return Item(*start, options=in_class_order(cls, options))


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    for key in given:
        if key not in known:
            text = shown_key(key)
            raise ConfigError(f"{path}.{text}: unknown key; {did_you_mean(text, known)}")


def _value(cls: type[BaseModel], option: str, tree: Any, path: str, levels: int) -> Any:
    return read_value(cls, option, tree, f"{path}.{option}", levels)


def items_tree(items: Sequence[Item], levels: int = 0) -> list[Any]:
    """Writes the items as the shortest list that `read_items` reads back."""
    count: Counter[str] = Counter()
    trees = []
    for item in items:
        by_itself = _unlabelled(item.word, count[item.word])
        named = item.named or item.label != by_itself
        count[item.word] += not named
        trees.append(_tree(item, levels, named))
    return trees


def _tree(item: Item, levels: int, named: bool) -> Any:
    tree: dict[str, Any] = {"label": item.label} if named else {}
    if item.depth is not None:
        tree[DEPTH] = to_tree(item.depth, levels, lambda own: dumped(Depth, DEPTH, own))
        levels += 1
    if item.word == STACK:
        return {STACK: {**tree, "layers": items_tree(item.layers, levels)}}
    if item.word == ABSENT:
        return {ABSENT: tree} if tree else ABSENT
    cls = item.layer_class
    for name, value in item.options:
        tree[name] = to_tree(value, levels, lambda own, name=name: dumped(cls, name, own))
    if not tree:
        return item.word
    main = main_option(cls)
    if main is not None and list(tree) == [main] and not isinstance(tree[main], Mapping):
        return {item.word: tree[main]}
    return {item.word: tree}


def closed(meaning: Any, item: Item, path: str, levels: int) -> Item:
    """Replaces an item by one layer of a choice, which gets the label and the depth of the item.

    path: the path of the choice, for errors. Raises ConfigError if meaning is not a layer.
    """
    own = spelled_alone(meaning, path)
    if own.word in (STACK, "choice", HEAD) or own.named or DEPTH in own.given:
        raise ConfigError(f"{path}: must be a layer without label and depth of its own.")
    new = read_item(own, levels)
    named = item.named or new.word != item.word
    return replace(new, label=item.label, depth=item.depth, named=named)
