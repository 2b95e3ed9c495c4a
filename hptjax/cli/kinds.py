"""Texts about an option: its default as YAML, and its allowed values in words."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from hptjax.config.frozen import SIZE_LIMIT
from hptjax.config.named import Part

_TYPES = {
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "array": "list",
    "object": "mapping",
}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def kinds_of(model: type[BaseModel]) -> dict[str, str]:
    """{option: its allowed values, such as `integer >= 1`}; empty without words for them."""
    try:
        schema = model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return {}
    return {name: _kind(found) for name, found in schema.get("properties", {}).items()}


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds)) if all(kinds) else ""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    kind = _TYPES.get(schema.get("type", ""), "")
    bounds = [
        f"{sign} {_shown(schema[key])}"
        for key, sign in _BOUNDS.items()
        if key in schema and abs(schema[key]) < SIZE_LIMIT
    ]
    return f"{kind} {' and '.join(bounds)}".strip() if kind else ""


def _shown(bound: int | float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def plain(value: Any) -> Any:
    """A default as plain data for YAML."""
    if isinstance(value, Part):
        return value.to_tree()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)
