"""Objects by the text `module:attribute`, also those of a module beside the user's own file."""

import re
import sys
from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PLACE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")
_FOLDERS: list[str] = []  # where modules are looked for that are not installed, the first one first


def is_place(text: str) -> bool:
    """Whether a text has the form `module:attribute`."""
    return _PLACE.fullmatch(text) is not None


def import_from(folders: Iterable[str | Path]) -> None:
    """Lets `module:attribute` find modules of these folders, before those that were told earlier.

    A folder is put on the path of imports when a module of it is asked for that is nowhere else.
    """
    texts = [str(folder) for folder in folders]
    _FOLDERS[:] = dict.fromkeys([*texts, *_FOLDERS])


def import_folders() -> tuple[str, ...]:
    """The folders that `import_from` was told: another process of the same study needs them."""
    return tuple(_FOLDERS)


def is_there(module: str) -> bool:
    """Whether a module can be imported; imports none but the packages around it."""
    _reach(module)
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # of a package that is not there, or a module without a spec
        return False


def load(place: str) -> Any:
    """What `module:attribute` names, or a module alone; raises as an import does."""
    module, _, attribute = place.partition(":")
    _reach(module)
    names = attribute.split(".") if attribute else []
    return reduce(getattr, names, import_module(module))


def _reach(module: str) -> None:
    """Puts the folder of a module on the path of imports, where it needs to be."""
    top = module.partition(".")[0]
    if top in sys.modules or find_spec(top) is not None:
        return
    for folder in map(Path, _FOLDERS):
        if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
            sys.path.append(str(folder))
            return
