"""Changes to a tree from a YAML file, by `--set key=value` or by an option for a key."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hptjax.config.yaml_file import parse_yaml
from hptjax.errors import ConfigError, shown


@dataclass(frozen=True)
class Override:
    """A value for one dotted key; origin: the text that a user typed, for errors."""

    keys: tuple[str, ...]
    value: Any
    origin: str

    @classmethod
    def parse(cls, text: "str | Override") -> "Override":
        """Reads "dotted.key=value", with the value as YAML; raises ConfigError for another form."""
        if isinstance(text, Override):
            return text
        origin = f"--set {text if len(text) <= 60 else f'{text[:57]}...'}"
        key, equals, value = text.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not equals or not all(keys):
            raise ConfigError(f"{origin}: must have the form key=value, as in model.lr=0.01.")
        return cls(keys, parse_yaml(value, origin), origin)

    def below(self, key: str) -> "Override":
        """The same override under an outer key, unless it has that key already."""
        return self if self.keys[0] == key else replace(self, keys=(key, *self.keys))


def parse_overrides(overrides: Iterable[str | Override]) -> list[Override]:
    return [Override.parse(override) for override in overrides]


def apply_override(tree: Any, override: Override) -> None:
    """Writes the override into the tree; validation finds unknown keys later."""
    keys = override.keys
    for key in keys[:-1]:
        if isinstance(tree, list):
            tree = tree[_index(tree, key)]
        elif isinstance(tree, dict):
            if tree.get(key) is None:
                tree[key] = {}
            tree = tree[key]
        else:
            raise ConfigError(f"{shown(key)} stands inside a single value, {shown(tree)}.")
    if isinstance(tree, list):
        tree[_index(tree, keys[-1])] = override.value
    elif isinstance(tree, dict):
        tree[keys[-1]] = override.value
    else:
        raise ConfigError(f"{shown(keys[-1])} stands inside a single value, {shown(tree)}.")


def places_of(tree: Any, keys: Sequence[str], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields each dotted path of a tree that ends in these keys and has others before them."""
    if len(path) > len(keys) and path[-len(keys) :] == tuple(keys):
        yield ".".join(path)
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree if isinstance(tree, list) else ())
    )
    for key, value in items:
        yield from places_of(value, keys, (*path, str(key)))


def _index(items: Sequence[Any], key: str) -> int:
    if not items:
        raise ConfigError(f"{shown(key)} must be an index, but the list is empty.")
    if not re.fullmatch("[0-9]{1,9}", key) or int(key) >= len(items):
        raise ConfigError(f"{shown(key)} must be an index from 0 to {len(items) - 1}.")
    return int(key)
