"""Loads models, spaces and studies from YAML, with overrides from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hptjax.config.schema import ModelConfig
from hptjax.config.study import StudyConfig
from hptjax.config.yaml_file import parse_yaml, read_yaml
from hptjax.errors import ConfigError
from hptjax.space import Space

_INCLUDED = ("model", "space")  # keys that may hold a path instead of a mapping


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Reads a study; `model` and `space` may be paths relative to its file.

    overrides: "dotted.key=value", the value read as YAML. Raises ConfigError naming the file and
    the mistake.
    """
    path = Path(path)
    tree = read_yaml(path)
    if "space" not in tree and "model" in tree:
        raise ConfigError(f"{path}: space: must be given, it is missing; is this only a model?")
    pairs = [_parse_override(text) for text in overrides]
    for key in _INCLUDED:
        named = [value for keys, value in pairs if keys == [key] and isinstance(value, str)]
        if named:  # typed at a shell, so relative to where the user is
            tree[key] = _included(Path(named[-1]), key)
        elif isinstance(tree.get(key), str):
            tree[key] = _included(path.parent / tree[key], key)
    for keys, value in pairs:
        if not (isinstance(value, str) and len(keys) == 1 and keys[0] in _INCLUDED):
            _set(tree, keys, value)
    return _in_file(path, StudyConfig.from_dict, tree)


def load_model_config(path: str | Path, overrides: Sequence[str] = ()) -> ModelConfig:
    """Reads a model, or the model of a study.

    overrides: as for a study, keys with or without the leading `model.`.
    """
    path = Path(path)
    tree = read_yaml(path)
    if "space" in tree:
        return load_study(path, overrides).model
    if set(tree) != {"model"}:
        tree = {"model": tree}
    for keys, value in (_parse_override(text) for text in overrides):
        _set(tree, keys if keys[0] == "model" else ["model", *keys], value)
    return _in_file(path, ModelConfig.from_dict, tree)


def load_space(path: str | Path) -> Space:
    """Reads a space: `{name: {type: ..., ...}}`, with or without an outer key `space`."""
    path = Path(path)
    return _in_file(path, Space.from_dict, _included(path, "space"))


def _included(path: Path, key: str) -> Any:
    tree = read_yaml(path)
    return tree[key] if set(tree) == {key} else tree


def _in_file(path: Path, build: Any, tree: Any) -> Any:
    try:
        return build(tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parse_override(text: str) -> tuple[list[str], Any]:
    key, equals, value = text.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {text}: must have the form key=value, as in model.lr=0.01.")
    return keys, parse_yaml(value, f"--set {text}")


def _set(tree: Any, keys: Sequence[str], value: Any) -> None:
    """Writes a value at a dotted path of a tree just read; unknown keys are left to validation."""
    path = ".".join(keys)
    for key in keys[:-1]:
        if isinstance(tree, list):
            tree = tree[_index(tree, key, path)]
        elif isinstance(tree, dict):
            if tree.get(key) is None:
                tree[key] = {}
            tree = tree[key]
        else:
            raise ConfigError(f"--set {path}: {key!r} stands inside a single value, {tree!r}.")
    if isinstance(tree, list):
        tree[_index(tree, keys[-1], path)] = value
    elif isinstance(tree, dict):
        tree[keys[-1]] = value
    else:
        raise ConfigError(f"--set {path}: {keys[-1]!r} stands inside a single value, {tree!r}.")


def _index(items: list[Any], key: str, path: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise ConfigError(f"--set {path}: {key!r} must be an index from 0 to {len(items) - 1}.")
    return int(key)
