"""Reads YAML strictly: errors name file and line, keys may not repeat, 1e-3 is a number."""

import re
from pathlib import Path
from typing import Any

import yaml

from hptjax.errors import ConfigError, shown


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-3 as a number, as YAML 1.2 does, and refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add(key_node.value if isinstance(key_node, yaml.ScalarNode) else id(key_node))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, name: str) -> Any:
    """The value of a YAML text; ConfigError "name:line: what is wrong"."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark and not name.startswith("--set") else name
        raise ConfigError(f"{where}: {error.problem or 'not valid YAML'}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # PyYAML lets these through: a month 13, 5000 digits, "!!int x", brackets 2000 deep
        raise ConfigError(f"{name}: not valid YAML: a value in it cannot be read.") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; ConfigError for a missing file or one that holds no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {_nearby(path)}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; give the YAML file in it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from None
    tree = parse_yaml(text, str(path))
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values, got {shown(tree)}.")
    return tree


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {folder} does not exist: check the path, and where you are."
    names = sorted(p.name for pattern in ("*.yaml", "*.yml") for p in folder.glob(pattern))
    if not names:
        return f"{folder} holds no YAML file: check the path, and where you are."
    return f"{folder} holds {', '.join(names)}."
