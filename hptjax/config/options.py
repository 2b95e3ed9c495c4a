"""Options of layers: lists the options that a user may give, reads and writes their values."""

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, create_model

from hptjax.config.copies import copies_of
from hptjax.config.entry_forms import is_entry, refuse_range
from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.config.named import Part
from hptjax.config.reference import Ref
from hptjax.errors import ConfigError

DEPTH = "depth"
HEAD = "head"
_OF_DATA = {HEAD: ("out_features",)}  # options that no user gives


class Depth(Frozen):
    """A model of the option `depth`, which every layer has."""

    depth: int


def known_options(word: str, cls: type[BaseModel]) -> tuple[str, ...]:
    """Returns the names of the options of a layer that a user may give."""
    return tuple(name for name in cls.model_fields if name not in _OF_DATA.get(word, ()))


def in_class_order(cls: type[BaseModel], options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Returns the options that are not at their defaults, in the order of the class."""
    names = (name for name in cls.model_fields if name in options)
    return tuple((n, options[n]) for n in names if not _is_default(cls, n, options[n]))


def _is_default(cls: type[BaseModel], name: str, value: Any) -> bool:
    field = cls.model_fields[name]
    return not field.is_required() and type(value) is not Ref and value == field.get_default()


def read_value(cls: type[BaseModel], option: str, tree: Any, path: str, levels: int) -> Any:
    """Reads an option, for all copies or copy by copy; raises ConfigError naming the path."""
    if isinstance(tree, str) and tree.startswith("="):
        return Ref.parse(tree, path)
    if isinstance(tree, list | tuple) and levels:
        if not tree:
            raise ConfigError(f"{path}: must have a value for each copy, it is empty.")
        own = (read_value(cls, option, x, f"{path}.{k}", levels - 1) for k, x in enumerate(tree))
        return copies_of(list(own), list_nesting(tree, levels) - 1)
    return read_leaf(cls, option, tree, path)


def list_nesting(tree: Any, levels: int) -> int:
    """Returns over how many depths a written value is a list, at most `levels`."""
    if not isinstance(tree, list | tuple) or not levels:
        return 0
    return 1 + max((list_nesting(own, levels - 1) for own in tree), default=0)


def read_leaf(cls: type[BaseModel], option: str, tree: Any, path: str) -> Any:
    """Reads an option of one copy; raises ConfigError naming the path."""
    if is_entry(tree):
        raise ConfigError(f"{path}: is open; a study or `train` closes it.")
    kinds = option_kinds(cls, option)
    if not isinstance(tree, Part) and kinds & {int, float} and tuple not in kinds:
        refuse_range(tree, path, whole=int in kinds)
    try:
        value = getattr(validated(_only(cls, option), {option: tree}), option)
    except ConfigError as error:
        raise ConfigError(f"{path}{str(error).removeprefix(option)}", error.more) from None
    if cls is Depth and value < 0:
        raise ConfigError(f"{path}: must be greater than or equal to 0, got {value}.")
    return value


def dumped(cls: type[BaseModel], option: str, value: Any) -> Any:
    """Writes an option of one copy as plain data."""
    if isinstance(value, Ref):
        return str(value)
    return _only(cls, option).model_construct(**{option: value}).model_dump(mode="json")[option]


@cache
def _only(cls: type[BaseModel], option: str) -> type[BaseModel]:
    """Makes a model of one option only, to check that option without the others."""
    field: Any = cls.model_fields[option].rebuild_annotation()
    fields: Any = {option: (field, ...)}
    return create_model("Option", __base__=Frozen, **fields)


def option_kinds(cls: type[BaseModel], option: str) -> set[Any]:
    """Returns the plain types that an option may have."""
    return set(kinds_of(cls.model_fields[option].annotation))


def kinds_of(annotation: Any) -> list[Any]:
    """Returns the plain types that an annotation allows."""
    origin = get_origin(annotation)
    if origin is Literal:
        return [type(word) for word in get_args(annotation)]
    if origin in (Union, UnionType):
        return [kind for own in get_args(annotation) for kind in kinds_of(own)]
    if hasattr(annotation, "__metadata__"):  # Annotated
        return kinds_of(annotation.__origin__)
    return [origin or annotation]
