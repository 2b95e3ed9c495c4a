"""Reads the options of other libraries' searchers from the signatures of their constructors."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, create_model

from hptjax.entries import Value
from hptjax.errors import ConfigError, did_you_mean

PLAIN: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "dict[str, Any]": dict[str, Value],
}


def parameters_of(constructor: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a class's constructor by name."""
    return dict(inspect.signature(constructor).parameters)


def annotation_of(parameter: inspect.Parameter) -> str:
    """The annotation as text, without ` | None`."""
    note = parameter.annotation
    text = note.__name__ if isinstance(note, type) else str(note)
    return text.removesuffix(" | None")


def about_of(constructor: Any) -> str:
    """The first line of a class's docstring, or nothing."""
    return (inspect.getdoc(constructor) or "").split("\n")[0]


def options_model(
    name: str,
    types: Mapping[str, Any],
    *,
    base: type[BaseModel],
    required: Iterable[str] = (),
) -> type[BaseModel]:
    """A pydantic model with a field for each name; None means the library's own default."""
    needed = set(required)
    fields: dict[str, Any] = {
        key: (kind, ...) if key in needed else (kind | None, None) for key, kind in types.items()
    }
    return create_model(name, __base__=base, **fields)


def given(options: BaseModel) -> dict[str, Any]:
    """The options that a user has set."""
    return {key: value for key, value in options.model_dump().items() if value is not None}


def check_member(family: str, member: str, known: Iterable[str], skipped: Mapping[str, str]) -> str:
    """The member's name; ConfigError if it is unknown or cannot be used."""
    name, usable = f"{family}.{member}", [f"{family}.{key}" for key in known if key not in skipped]
    if member in skipped:
        raise ConfigError(f"{name} cannot be used: {skipped[member]}.")
    if name not in usable:
        raise ConfigError(f"unknown searcher {name!r}; {did_you_mean(name, usable)}")
    return member
