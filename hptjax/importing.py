"""Imports objects by the text `module:attribute`, also from a module beside the user's file."""

import re
import sys
from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hptjax.errors import did_you_mean

_PLACE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")
_FOLDERS: list[str] = []  # folders of modules that are not installed, in order of search


def is_place(text: str) -> bool:
    """Whether a text has the form `module:attribute`."""
    return _PLACE.fullmatch(text) is not None


def import_from(folders: Iterable[str | Path]) -> None:
    """Lets `module:attribute` find modules in these folders, before folders given earlier.

    A folder is added to `sys.path` only when one of its modules is found nowhere else.
    """
    texts = [str(folder) for folder in folders]
    _FOLDERS[:] = dict.fromkeys([*texts, *_FOLDERS])


def import_folders() -> tuple[str, ...]:
    """The folders given to `import_from`: another process of the same study needs them."""
    return tuple(_FOLDERS)


def is_there(module: str) -> bool:
    """Whether a module can be imported; imports only the packages around it."""
    _reach(module)
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # the package is missing, or the module has no spec
        return False


def where_to_run(module: str) -> str:
    """What to do about a module of the user's own that cannot be found."""
    top, dot, _ = module.partition(".")
    return f"run this where {top}{'/' if dot else '.py'} lies, or put that folder on PYTHONPATH"


def without_class(error: ImportError | AttributeError, place: str, base: Any) -> str:
    """Returns that the module of a place has no such class, and the nearest of this base.

    Returns an empty text for an error of another reason.
    """
    module, _, name = place.partition(":")
    if not isinstance(error, AttributeError) or error.obj is not sys.modules.get(module):
        return ""
    found = vars(error.obj).items()
    classes = [own for own, cls in found if isinstance(cls, type) and issubclass(cls, base)]
    return f"{module} has no class {name!r}; {did_you_mean(name, classes)}"


def load(place: str) -> Any:
    """The object that `module:attribute` or `module` names; raises the errors of an import."""
    module, _, attribute = place.partition(":")
    _reach(module)
    names = attribute.split(".") if attribute else []
    return reduce(getattr, names, import_module(module))


def _reach(module: str) -> None:
    """Adds the folder of a module to `sys.path` if the module is found nowhere else."""
    top = module.partition(".")[0]
    if top in sys.modules or find_spec(top) is not None:
        return
    for folder in map(Path, _FOLDERS):
        if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
            sys.path.append(str(folder))
            return
