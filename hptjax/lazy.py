"""Loads names of a package at their first use."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module


def lazily(
    package: str, homes: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose names are loaded at their first use.

    homes: {name: the module that has it}; modules: submodules that are loaded as attributes. Type
    checkers find the names in imports under TYPE_CHECKING.
    """

    def get(name: str) -> object:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, names
