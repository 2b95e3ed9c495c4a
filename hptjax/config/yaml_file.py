"""Reads and writes YAML 1.2; no other module of the package does.

Written files are read back equal, here and by readers of YAML 1.1.
"""

import re
import stat
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.representer import SafeRepresenter

from hptjax.config.yaml_values import Mistake, build
from hptjax.errors import ConfigError, shown

LARGEST = 4 * 2**20  # bytes of a file
# text that needs no quotes, except for these words:
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = re.compile(r"y|n|yes|no|on|off|true|false|null", re.IGNORECASE)


def parse_yaml(text: str, name: str) -> Any:
    """The value of a YAML text; raises ConfigError "name:line: what is wrong"."""
    try:
        return build(YAML(typ="safe", pure=True).parse(StringIO(text)))
    except Mistake as mistake:
        raise ConfigError(f"{_where(name, mistake.line)}: {mistake}.") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = name if mark is None else _where(name, mark.line + 1)
        raise ConfigError(f"{where}: {error.problem or 'not valid YAML'}.") from None
    except YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {' '.join(str(error).split())}.") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # texts that the parser itself fails on, such as an escape beyond Unicode
        raise ConfigError(f"{name}: not valid YAML: a value in it cannot be read.") from None


def _where(name: str, line: int) -> str:
    return name if name.startswith("--") else f"{name}:{line}"  # an option is one line


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; ConfigError for a missing file or one that holds no mapping."""
    tree = parse_yaml(_text_of(path), str(path))
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values, got {shown(tree)}.")
    return tree


_IMAGES = "Images are given as data, as in --data npz:mine.npz or --data folder:mine."


def _text_of(path: Path) -> str:
    """The text of a file; refuses a device, a pipe and a huge file."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; give the YAML file in it. {_IMAGES}")
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: must be a file, it is a device or a pipe.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"{path}: must be a config of at most {LARGEST // 2**20} MiB.")
        return content.decode("utf-8-sig")
    except ConfigError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path}: no such file; {nearby(path)}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = "" if path.suffix in (".yaml", ".yml") else f" A config is YAML. {_IMAGES}"
        raise ConfigError(f"{path}:{line}: must be text in UTF-8.{hint}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError:  # a null character in the path
        raise ConfigError(f"{path}: no file can have such a name.") from None


def nearby(path: Path) -> str:
    """The end of an error about a missing file: the YAML files that its folder holds."""
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {folder} does not exist: check the path, and where you are."
    names = sorted(p.name for pattern in ("*.yaml", "*.yml") for p in folder.glob(pattern))
    if not names:
        return f"{folder} holds no YAML file: check the path, and where you are."
    return f"{folder} holds {', '.join(names)}."


def dump_yaml(value: Any, *, flow: bool = False) -> str:
    """Writes plain data as YAML: dicts in their order, lists, text, numbers, booleans and None.

    flow: whether to write it in one line.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = flow
    yaml.allow_unicode = True
    yaml.width = 2**30 if flow else 100
    stream = StringIO()
    yaml.dump(value, stream)
    text = stream.getvalue()
    return text.removesuffix("\n").removesuffix("\n...") if flow else text


class _Representer(SafeRepresenter):
    """Quotes all text except plain words; writes floats that every version of YAML can read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(representer: _Representer, value: str) -> Any:
    bare = _BARE.fullmatch(value) and not _WORDS.fullmatch(value)
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style=None if bare else '"')


def _mapping(representer: _Representer, value: dict[Any, Any]) -> Any:
    # pairs: a dict would be sorted
    return representer.represent_mapping("tag:yaml.org,2002:map", list(value.items()))


def _float(representer: _Representer, value: float) -> Any:
    text = repr(value).replace("inf", ".inf").replace("nan", ".nan")
    if "." not in text:  # 1e-05 is text for YAML 1.1
        text = text.replace("e", ".0e")
    return representer.represent_scalar("tag:yaml.org,2002:float", text)


_Representer.add_representer(str, _text)
_Representer.add_representer(dict, _mapping)
_Representer.add_representer(float, _float)
