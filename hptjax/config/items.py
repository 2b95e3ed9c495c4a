"""The list `layers:` of a model as it is read and written: words, labels, depths, options."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, create_model

from hptjax.config.copies import copies_of, to_tree
from hptjax.config.entry_forms import is_entry, refuse_range
from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.config.named import Part, Spelling, main_option
from hptjax.config.parts import LAYERS
from hptjax.config.recipe import Recipe
from hptjax.config.reference import Ref
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key

STACK = "stack"  # the word of several layers that are repeated together
ABSENT = "none"  # the word of a layer that is not there
DEPTH = "depth"
HEAD = "head"
# Words that are no labels: they are keys of entries, of layers or of a model.
RESERVED = ("int", "float", "choice", "choices", "default", "each", "label", DEPTH, "name")
RESERVED += ("layers", "flax", "input", "outputs")
_OF_DATA = {HEAD: ("out_features",)}  # options that no user gives
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Item:
    """One layer, or a stack of them.

    named: whether the label is the user's. depth: how many copies, None for a layer without. The
    values of options are those of the layer's class, references, or either copy by copy; options
    at their defaults are left out. layers: of a stack.
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
        """The class of the layer, none of a stack."""
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
    """An item before its values are read: a word, what it is told, and where that stands."""

    word: str
    given: dict[str, Any]
    path: str
    label: str
    named: bool


def spelled(trees: Any, path: str) -> list[Spelled]:
    """The items of a list, each with its label; ConfigError for what is no list of layers."""
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
    """The label of the layer of this number, of those of its word that have none."""
    own = re.split(r"[:.]", word)[-1]  # of a place, as my_nets:Scale, the last part
    return own if word == HEAD else f"{own}{number}"


def spelled_alone(tree: Any, path: str) -> Spelled:
    """An item by itself, which has its word for a label unless it is given one."""
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
    """The items that a list of layers spells; levels: how many depths lie around it.

    Raises ConfigError naming the dotted path of the mistake.
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
    names = known_options(own.word, cls)
    _refuse_unknown(given, names, own.path)
    options = {
        name: _value(cls, name, given[name], own.path, levels) for name in names if name in given
    }
    return Item(*start, options=in_class_order(cls, options))


class Depth(Frozen):
    """As of an option that each layer has."""

    depth: int


def known_options(word: str, cls: type[BaseModel]) -> tuple[str, ...]:
    """The options of a layer that a user may give."""
    return tuple(name for name in cls.model_fields if name not in _OF_DATA.get(word, ()))


def in_class_order(cls: type[BaseModel], options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The options that are not at their defaults, in the order of the class."""
    names = (name for name in cls.model_fields if name in options)
    return tuple((n, options[n]) for n in names if not _is_default(cls, n, options[n]))


def _is_default(cls: type[BaseModel], name: str, value: Any) -> bool:
    field = cls.model_fields[name]
    return not field.is_required() and type(value) is not Ref and value == field.get_default()


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    for key in given:
        if key not in known:
            text = shown_key(key)
            raise ConfigError(f"{path}.{text}: unknown key; {did_you_mean(text, known)}")


def _value(cls: type[BaseModel], option: str, tree: Any, path: str, levels: int) -> Any:
    return read_value(cls, option, tree, f"{path}.{option}", levels)


def read_value(cls: type[BaseModel], option: str, tree: Any, path: str, levels: int) -> Any:
    """The value of an option, for all copies or copy by copy; ConfigError naming the path."""
    if isinstance(tree, str) and tree.startswith("="):
        return Ref.parse(tree, path)
    if isinstance(tree, list | tuple) and levels:
        if not tree:
            raise ConfigError(f"{path}: must have a value for each copy, it is empty.")
        own = (read_value(cls, option, x, f"{path}.{k}", levels - 1) for k, x in enumerate(tree))
        return copies_of(list(own))
    return read_leaf(cls, option, tree, path)


def read_leaf(cls: type[BaseModel], option: str, tree: Any, path: str) -> Any:
    """The value of an option of one copy."""
    kinds = option_kinds(cls, option)
    if not isinstance(tree, Part) and kinds & {int, float} and tuple not in kinds:
        refuse_range(tree, path, whole=int in kinds)
    if is_entry(tree):
        raise ConfigError(f"{path}: is open; a study or `train` closes it.")
    try:
        value = getattr(validated(_only(cls, option), {option: tree}), option)
    except ConfigError as error:
        raise ConfigError(f"{path}{str(error).removeprefix(option)}", error.more) from None
    if cls is Depth and value < 0:
        raise ConfigError(f"{path}: must be greater than or equal to 0, got {value}.")
    return value


def dumped(cls: type[BaseModel], option: str, value: Any) -> Any:
    """A value of one copy as it is written."""
    if isinstance(value, Ref):
        return str(value)
    return _only(cls, option).model_construct(**{option: value}).model_dump(mode="json")[option]


@cache
def _only(cls: type[BaseModel], option: str) -> type[BaseModel]:
    """A config of one option alone: its value is checked without the others."""
    field: Any = cls.model_fields[option].rebuild_annotation()
    fields: Any = {option: (field, ...)}
    return create_model("Option", __base__=Frozen, **fields)


def option_kinds(cls: type[BaseModel], option: str) -> set[Any]:
    """The plain types that an option may have."""
    return set(_kinds(cls.model_fields[option].annotation))


def _kinds(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Literal:
        return [type(word) for word in get_args(annotation)]
    if origin in (Union, UnionType):
        return [kind for own in get_args(annotation) for kind in _kinds(own)]
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _kinds(annotation.__origin__)
    return [origin or annotation]


def items_tree(items: Sequence[Item], levels: int = 0) -> list[Any]:
    """The shortest list that `read_items` reads as these items."""
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
    """One of a choice of layers in the place of another, whose label and depth it gets.

    path: of the choice, for errors. Raises ConfigError for what is no layer.
    """
    own = spelled_alone(meaning, path)
    if own.word in (STACK, "choice", HEAD) or own.named or DEPTH in own.given:
        raise ConfigError(f"{path}: must be a layer without label and depth of its own.")
    new = read_item(own, levels)
    named = item.named or new.word != item.word
    return replace(new, label=item.label, depth=item.depth, named=named)
