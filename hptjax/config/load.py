"""Loads models and spaces from YAML, with overrides from the command line."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from hptjax.config.inline import is_open, lift
from hptjax.config.model import AnyModel, read_model
from hptjax.config.overrides import Override, apply_override, parse_overrides
from hptjax.config.yaml_file import nearby, read_yaml
from hptjax.errors import ConfigError
from hptjax.importing import import_from
from hptjax.paths import user_path
from hptjax.space import Space

T = TypeVar("T")


def load_model_config(path: str | Path, overrides: Sequence[str | Override] = ()) -> AnyModel:
    """Reads a model from its own file, from a study or from a saved network.

    Entries of a space are replaced by their defaults. path: a file, the name of a packaged config,
    or a run. overrides: "key=value"; keys of the model may begin with `model.`. Raises ConfigError,
    which names the file or the override, and the mistake.

    Example:
        >>> import hptjax
        >>> hptjax.load_model_config("model", ["lr=0.01"]).lr
        0.01
    """
    path = find_config(path)
    tree = read_yaml(path)
    import_from([os.path.abspath(path.parent)])
    if is_saved(tree):
        tree = {"model": tree["model"]}
    elif "space" in tree or "model" in tree:
        tree = {"model": include(tree.get("model"), "model", path.parent)}
    else:
        tree = {"model": tree}

    def build(changes: Sequence[Override]) -> AnyModel:
        changed = copy.deepcopy(tree)
        for change in changes:
            apply_override(changed, change.below("model"))
        model = changed["model"]
        return read_model({"model": lift(model).model if isinstance(model, Mapping) else model})

    return blamed(path, build, parse_overrides(overrides))


def is_saved(tree: Mapping[str, Any]) -> bool:
    """Whether a config belongs to a saved network: `best/config.yaml` of a run."""
    return "model" in tree and isinstance(tree.get("trial"), Mapping)


def holds_study(tree: Mapping[str, Any]) -> bool:
    """Whether a file holds more than a model: a space, or the rest of a study."""
    if "space" in tree or "model" not in tree or is_saved(tree):
        return "space" in tree
    return len(tree) > 1 or (isinstance(tree["model"], Mapping) and is_open(tree["model"]))


def load_space(path: str | Path) -> Space:
    """Reads a space, `{name: {type: ..., ...}}`, with or without an outer key `space`."""
    path = find_config(path)
    return in_file(path, Space.from_dict, include(path.name, "space", path.parent))


def find_config(path: str | Path) -> Path:
    """The path of a config: the file itself, a run's, or a packaged one such as `quickstart.yaml`.

    Raises ConfigError for an unknown name. A longer path that does not exist is returned: its
    reader refuses it.
    """
    path = user_path(path)
    if _exists(path / "config.yaml"):  # a run, or its best/
        return path / "config.yaml"
    if _exists(path) or len(path.parts) != 1:
        return path
    for folder in _packaged():
        for name in (path.name, f"{path.name}.yaml"):
            if _exists(folder / name):
                return folder / name
    names = ", ".join(packaged_configs())
    raise ConfigError(f"{path}: no such file; {nearby(path)} hptjax comes with {names}.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        return False


def packaged_configs() -> list[str]:
    """The names of the packaged configs."""
    return sorted({file.stem for folder in _packaged() for file in folder.glob("*.yaml")})


def _packaged() -> list[Path]:
    """The folder configs/: in the installed package, or beside the package in a checkout."""
    package = Path(str(files("hptjax")))
    return [
        folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()
    ]


def include(value: Any, key: str, folder: Path) -> Any:
    """The value itself, or the content of the file that it names, with or without an outer key."""
    if not isinstance(value, str):
        return value
    named = folder / user_path(value)
    tree = read_yaml(named if named.exists() else find_config(value))
    return tree[key] if set(tree) == {key} else tree


def in_file(path: Path, build: Callable[[Any], T], tree: Any) -> T:
    """Builds from a tree; adds the name of the file to a ConfigError."""
    return blamed(path, lambda changes: build(tree), ())


def blamed(path: Path, build: Callable[[Sequence[Override]], T], changes: Sequence[Override]) -> T:
    """Builds from a file with changes; adds to a ConfigError what caused it, a change or the file.

    The cause is the first change that brings the same error about; without such, it is the file.
    """
    try:
        return build(changes)
    except ConfigError as error:
        own = _mistake(build, ()) if changes else error
        if own is not None and str(own) == str(error):
            more = f" ({own.more} more in this file)" if own.more else ""
            raise ConfigError(f"{path}: {error}{more}") from None
        for count, change in enumerate(changes, start=1):
            if count == len(changes) or str(_mistake(build, changes[:count])) == str(error):
                raise ConfigError(f"{change.origin}: {error}") from None
        raise


def _mistake(
    build: Callable[[Sequence[Override]], object], changes: Sequence[Override]
) -> ConfigError | None:
    try:
        build(changes)
    except ConfigError as error:
        return error
    return None
