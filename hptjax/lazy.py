"""Loads names of a package at their first use."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module


def lazily(
    package: str,
    homes: Mapping[str, str],
    modules: Collection[str] = (),
    hints: str | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose names are loaded at their first use.

    homes: {name: the module that has it}; modules: submodules that are loaded as attributes. hints:
    module:function, where the function turns an unknown name and the known ones into a hint. Type
    checkers find the names in imports under TYPE_CHECKING.
    """

    def get(name: str) -> object:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in homes:
            hint = "" if hints is None or name.startswith("_") else _told(hints, name, homes)
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, names


def _told(hints: str, name: str, known: Collection[str]) -> str:
    module, _, function = hints.partition(":")
    hint = getattr(import_module(module), function)(name, list(known))
    return f"; {hint}" if hint else ""
