"""Finds the traced numbers of a part, and its kind, which decides the compiled code.

A part (an optimizer, a schedule, a task, ...) is a `Frozen` class whose fields are its options. A
field annotated `float` is a traced number: it may differ between the members of one program, and it
never costs a compilation. Every other field is static.
"""

from typing import TypeVar

from hptjax.config.frozen import Frozen

Part = TypeVar("Part", bound=Frozen)


def traced_numbers(part: Frozen | type[Frozen]) -> tuple[str, ...]:
    """The names of the fields annotated `float`, with or without bounds, in their order."""
    cls = part if isinstance(part, type) else type(part)
    return tuple(name for name, field in cls.model_fields.items() if field.annotation is float)


def static_kind(part: Part) -> Part:
    """The part with its traced numbers at their defaults: equal kinds share a compilation.

    A traced number without a default becomes 0; nothing is checked, so it may be out of bounds.
    """
    fields = type(part).model_fields
    numbers = {
        name: 0.0 if fields[name].is_required() else fields[name].get_default()
        for name in traced_numbers(part)
    }
    return type(part).model_construct(**{**dict(part), **numbers})
