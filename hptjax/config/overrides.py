"""`--set key=value`: changes to a tree that was read from YAML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hptjax.config.yaml_file import parse_yaml
from hptjax.errors import ConfigError


@dataclass(frozen=True)
class Override:
    """A value for one dotted key."""

    keys: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> "Override":
        """From "dotted.key=value", the value read as YAML; ConfigError for another form."""
        key, equals, value = text.partition("=")
        keys = tuple(key.strip().split("."))
        if not equals or not all(keys):
            raise ConfigError(f"--set {text}: must have the form key=value, as in model.lr=0.01.")
        return cls(keys, parse_yaml(value, f"--set {text}"))

    def below(self, key: str) -> "Override":
        """The same under an outer key, where it does not stand there already."""
        return self if self.keys[0] == key else Override((key, *self.keys), self.value)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    return [Override.parse(text) for text in texts]


def apply_override(tree: Any, override: Override) -> None:
    """Writes into a tree just read; unknown keys are left to validation."""
    keys, path = override.keys, ".".join(override.keys)
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
        tree[_index(tree, keys[-1], path)] = override.value
    elif isinstance(tree, dict):
        tree[keys[-1]] = override.value
    else:
        raise ConfigError(f"--set {path}: {keys[-1]!r} stands inside a single value, {tree!r}.")


def _index(items: Sequence[Any], key: str, path: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise ConfigError(f"--set {path}: {key!r} must be an index from 0 to {len(items) - 1}.")
    return int(key)
