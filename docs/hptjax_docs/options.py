"""What an option may be, and is unless given: of a field of a pydantic model."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from hptjax.cli.kinds import kinds_of, plain
from hptjax.config.frozen import Otherwise
from hptjax.config.named import Part
from hptjax.config.yaml_file import dump_yaml
from hptjax_docs.markdown import code

REQUIRED = "required"


def kind_of_field(name: str, field: FieldInfo) -> str:
    """Returns what a field may be, as `integer >= 1`; nothing where its type has no such words.

    By a model of this field alone: one field that JSON has no schema of must not hide the others.
    """
    annotation: Any = field.rebuild_annotation()
    fields: Any = {name: (annotation, ...)}
    only = create_model("Only", __config__=ConfigDict(arbitrary_types_allowed=True), **fields)
    return kinds_of(only).get(name, "")


def default_of_field(field: FieldInfo) -> str:
    """Returns a field's default as code, in YAML; `required` where there is none.

    Nothing for keys below it, which have defaults of their own; the field's own words where other
    keys decide.
    """
    for own in field.metadata:
        if isinstance(own, Otherwise):
            return own.text
    if field.is_required():
        return REQUIRED
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel) and not isinstance(default, Part):
        return ""
    return code(f"{default:.4g}" if isinstance(default, float) else flow(plain(default)))


def flow(value: Any) -> str:
    """Returns a value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(own)}" for key, own in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return dump_yaml({"x": value}).removeprefix("x:").strip()
