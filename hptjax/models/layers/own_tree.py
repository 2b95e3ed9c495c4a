"""The form of a user's network in a config: its class, arguments and traced numbers."""

from collections.abc import Mapping
from typing import Any

from hptjax.checks import is_number, plain
from hptjax.config.entry_forms import refuse_range
from hptjax.config.options import kinds_of
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.models.layers.own_kinds import Kind, find, is_needed

_RESERVED = ("module", "call")


def read(tree: Any, path: str) -> dict[str, Any]:
    """Returns the fields of `FlaxNetwork`: `{module: my_nets:Net, ARGUMENT: VALUE, call: {..}}`.

    Raises ConfigError as `FlaxNetwork.from_tree` does.
    """
    if not isinstance(tree, Mapping) or "module" not in tree:
        raise ConfigError(
            f"{path}: must be a mapping with the class of the network, as in "
            f"{{module: my_nets:Net, width: 16}}, got {shown(tree)}."
        )
    place = _place(tree["module"], f"{path}.module")
    kind = find(place, f"{path}.module")
    arguments = {name: value for name, value in tree.items() if name not in _RESERVED}
    _check_arguments(kind, arguments, path)
    call = tree.get("call")
    numbers = _numbers(kind, {} if call is None else call, f"{path}.call")
    return {"place": place, "arguments": arguments, "call": numbers}


def listed(value: Any) -> Any:
    """Returns an argument with lists for tuples, as files have them."""
    return list(map(listed, value)) if isinstance(value, tuple) else value


def _place(given: Any, path: str) -> str:
    """Returns the place of a class as text; a class inside a function has none."""
    if isinstance(given, str):
        return given
    if not isinstance(given, type):
        raise ConfigError(
            f"{path}: must be a class, as Net, or its place, as my_nets:Net, got {shown(given)}; "
            "arguments of the class stand beside it, as in {module: Net, width: 16}."
        )
    if "<locals>" in given.__qualname__:
        raise ConfigError(
            f"{path}: {given.__qualname__} is made inside a function: put the class at the top of "
            "a module, where other processes find it by its name."
        )
    return f"{given.__module__}:{given.__qualname__}"


def _check_arguments(kind: Kind, given: Mapping[str, Any], path: str) -> None:
    """Raises ConfigError for constructor arguments that are unknown, missing, or not JSON."""
    known = kind.options
    for name, value in given.items():
        where = f"{path}.{shown_key(name)}"
        if name == kind.outputs:
            raise ConfigError(f"{where}: must be left out, since it follows from the data.")
        if name not in known:
            raise ConfigError(
                f"{where}: {kind.place} takes no {name!r}; {did_you_mean(name, known)}"
            )
        kinds = set(kinds_of(kind.annotations.get(name, Any)))
        if kinds & {int, float} and kinds <= {int, float, type(None)}:
            refuse_range(value, where, whole=int in kinds)
        if not _is_plain(value):
            raise ConfigError(
                f"{where}: must be a number, a text, true, false, null, or a list of these, "
                f"got {shown(value)}."
            )
    for name, parameter in known.items():
        if is_needed(parameter) and name not in (*given, kind.channels):
            raise ConfigError(f"{path}.{name}: must be given, {kind.place} has no default for it.")


def _numbers(kind: Kind, given: Any, path: str) -> dict[str, float]:
    """Returns the numbers of a call; ConfigError for unknown, missing, or wrong ones."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path}: must be a mapping of numbers, got {shown(given)}.")
    known, numbers = kind.numbers, {}
    for name, value in given.items():
        where = f"{path}.{shown_key(name)}"
        if name not in known:
            raise ConfigError(
                f"{where}: {kind.place} takes no {name!r}; {did_you_mean(name, known)}"
            )
        if not is_number(plain(value)):
            raise ConfigError(f"{where}: must be a finite number, got {shown(value)}.")
        numbers[name] = float(plain(value))
    for name, parameter in known.items():
        if is_needed(parameter) and name not in given:
            raise ConfigError(f"{path}.{name}: must be given, {kind.place} has no default for it.")
    return numbers


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    value = plain(value)
    return value is None or isinstance(value, str | bool) or is_number(value)
