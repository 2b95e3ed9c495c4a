"""Names of a package that are loaded when they are first used."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module


def lazily(
    package: str, homes: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package, for names that it does not import itself.

    homes: {name: the module that has it}; modules: submodules that are loaded as attributes. Type
    checkers learn of the names from imports under TYPE_CHECKING.
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
