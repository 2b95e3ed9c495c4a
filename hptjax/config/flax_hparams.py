"""Hparams of a user's Flax class: arguments of its constructor, and numbers of its call."""

from collections.abc import Iterator
from typing import Any

from hptjax.config.model import FLAX, Model
from hptjax.config.options import kinds_of
from hptjax.config.targets import Rule, Target, ValueType
from hptjax.errors import ConfigError, did_you_mean, shown_key

CALL = "call"
_TYPES: dict[type, ValueType] = {bool: "bool", int: "int", float: "float", str: "text"}


def flax_names(config: Model) -> Iterator[str]:
    """Yields the names of all arguments and numbers: `flax.width`, `flax.call.dropout`."""
    yield from (f"{FLAX}.{name}" for name in config.flax.known_arguments)
    yield from (f"{FLAX}.{CALL}.{name}" for name in config.flax.known_numbers)


def find_in_flax(name: str, config: Model) -> Target:
    """Finds an argument of the class, which is static, or a number of its call, which is traced.

    Raises ConfigError for any other name.
    """
    network = config.flax
    key, _, rest = name.partition(".")
    inner, _, number = rest.partition(".")
    if key == FLAX and inner == CALL and number in network.known_numbers:
        rule = Rule(name, (), number, "float", "traced")
        return Target(rule, (FLAX, CALL, number), places=((name, 1.0),))
    if key == FLAX and rest in network.known_arguments:
        return Target(Rule(name, (), rest, _type_of(network, rest), "static"), (FLAX, rest))
    known = list(flax_names(config))
    raise ConfigError(f"{shown_key(name)}: unknown hparam; {did_you_mean(name, known)}")


def _type_of(network: Any, argument: str) -> ValueType:
    """Returns the type for values of an argument: its annotation, or the type of its value now."""
    if argument not in network.annotations:
        return _TYPES.get(type(network.known_arguments[argument]), "value")
    kinds = set(kinds_of(network.annotations[argument])) - {type(None)}
    if kinds == {int, float}:
        return "float"
    return _TYPES.get(kinds.pop(), "value") if len(kinds) == 1 else "value"


def with_argument(network: Any, target: Target, value: Any) -> dict[str, Any]:
    """Returns the tree of a network with another argument, or another number of its call."""
    tree = network if isinstance(network, dict) else network.to_tree()
    _, option, *number = map(str, target.path)
    if not number:
        return {**tree, option: value}
    return {**tree, CALL: {**tree.get(CALL, {}), number[0]: value}}
