"""Loads models and spaces from YAML, with overrides from the command line."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from hptjax.config.overrides import apply_override, parse_overrides
from hptjax.config.schema import ModelConfig
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError
from hptjax.paths import user_path
from hptjax.space import Space

T = TypeVar("T")


def load_model_config(path: str | Path, overrides: Sequence[str] = ()) -> ModelConfig:
    """Reads a model, or the model of a study; path: a file, or the name of a packaged config.

    overrides: "key=value", keys of the model with or without a leading `model.`. Raises ConfigError
    naming the file and the mistake.
    """
    path = find_config(path)
    tree = read_yaml(path)
    if "space" in tree:
        tree = {"model": include(tree.get("model"), "model", path.parent)}
    elif set(tree) != {"model"}:
        tree = {"model": tree}
    for override in parse_overrides(overrides):
        apply_override(tree, override.below("model"))
    return in_file(path, ModelConfig.from_dict, tree)


def load_space(path: str | Path) -> Space:
    """Reads a space: `{name: {type: ..., ...}}`, with or without an outer key `space`."""
    path = find_config(path)
    return in_file(path, Space.from_dict, include(path.name, "space", path.parent))


def find_config(path: str | Path) -> Path:
    """The file itself, or a config that comes with the package: `quickstart` for `quickstart.yaml`.

    A path to nowhere is given back as it is, for the reader to complain of.
    """
    path = user_path(path)
    if path.exists() or len(path.parts) != 1:
        return path
    for folder in _packaged():
        for name in (path.name, f"{path.name}.yaml"):
            if (folder / name).is_file():
                return folder / name
    return path


def packaged_configs() -> list[str]:
    """The names that `find_config` knows."""
    return sorted({file.stem for folder in _packaged() for file in folder.glob("*.yaml")})


def _packaged() -> list[Path]:
    """configs/ within the installed package; in a checkout it lies beside the package."""
    package = Path(str(files("hptjax")))
    return [
        folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()
    ]


def include(value: Any, key: str, folder: Path) -> Any:
    """The value, or what the file that it names holds, with or without that outer key."""
    if not isinstance(value, str):
        return value
    named = folder / user_path(value)
    tree = read_yaml(named if named.exists() else find_config(value))
    return tree[key] if set(tree) == {key} else tree


def in_file(path: Path, build: Callable[[Any], T], tree: Any) -> T:
    """Builds from a tree; a ConfigError gets the file's name."""
    try:
        return build(tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
