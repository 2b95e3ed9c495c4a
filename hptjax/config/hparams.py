"""Finds the place of each hparam in a network by its name."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hptjax.config.flax_hparams import find_in_flax, flax_names
from hptjax.config.layer_hparams import check_references, find_in_layers
from hptjax.config.model import AnyModel, Model
from hptjax.config.named import Part, part
from hptjax.config.schema import ADAMS, BETAS, ModelConfig
from hptjax.config.targets import (
    ALL,
    BLOCKS,
    PARTS,
    TABLE,
    Chosen,
    Owner,
    Rule,
    Target,
    ValueType,
)
from hptjax.entries import Categorical, Entry, Float, values_of
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.space import Space

_PATTERNS = {
    rule: re.compile(rule.pattern.replace("{i}", r"(0|[1-9][0-9]{0,8})")) for rule in TABLE
}


def cast(value: Any, kind: ValueType, floor: Callable[[Any], Any] = math.floor) -> Any:
    """A number cast to its type: halves are rounded up, and a boolean is true from 0.5.

    floor: rounds down; math's on the host, JAX's inside a program.
    """
    if kind == "bool":
        return value >= 0.5
    return value if kind == "float" else floor(value + 0.5)


def bind(
    names: Iterable[str], config: AnyModel, chosen: Chosen | None = None
) -> Mapping[str, Target]:
    """The targets of names in this network; ConfigError for an unknown name or layer.

    names: a space, or names only. chosen: if names is no space, the values that tuned parts may
    have, and for a native model also tuned depths and kinds of layers.
    """
    if isinstance(names, Space):
        chosen = chosen_of(names)
    targets = {name: find(name, config, chosen) for name in names}
    if isinstance(config, Model) and chosen:
        check_references(config, chosen)
    _check_distinct(targets)
    return targets


def chosen_of(space: Mapping[str, Entry]) -> Chosen:
    """The values that each hparam of a space may have; for a real range, its ends."""
    chosen: dict[str, Sequence[Any]] = {}
    for name, entry in space.items():
        if isinstance(entry, Float):
            chosen[name] = (entry.low, entry.high)
        elif not isinstance(entry, Categorical):
            chosen[name] = values_of(entry)
        else:
            meanings = [entry.meaning(choice) for choice in entry.choices]
            chosen[name] = [meant_by(name, meaning) for meaning in meanings]
    return chosen


def meant_by(name: str, value: Any) -> Any:
    """The part that a value of an optimizer, a schedule or a task means; else the value."""
    return part(PARTS[name], value, f"space.{name}") if name in PARTS else value


def _check_distinct(targets: Mapping[str, Target]) -> None:
    """Raises ConfigError if two names mean one number; `beta_1` belongs to every Adam."""
    for name, target in targets.items():
        for other, its in targets.items():
            same_beta = target.rule.array in BETAS and other == target.rule.array
            if name != other and (_overlap(its.path, target.path) or same_beta):
                raise ConfigError(f"{name}: means the same as {other}; leave one of them out.")


def _overlap(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two paths name the same number; ALL stands for every copy."""
    if len(one) != len(other):
        return False
    return all(a == b or ALL in (a, b) for a, b in zip(one, other, strict=True))


def hparam_names(config: AnyModel) -> Iterator[str]:
    """Yields the name of every hparam of this network."""
    native = isinstance(config, Model)
    for rule in TABLE:
        if not rule.where:
            if not native or rule.key not in BETAS:
                yield rule.pattern
        elif not native:
            yield from (rule.pattern.format(i=i) for i in range(_layers(config, rule)))
    for key in PARTS:
        own: Part = getattr(config, key)
        yield from (f"{key}.{option}" for option in type(own.options).model_fields)
    if isinstance(config, Model):
        yield from config.layout.names() if config.flax is None else flax_names(config)


def find(name: str, config: AnyModel, chosen: Chosen | None = None) -> Target:
    """The target of one name in this network, as in `bind`."""
    if not isinstance(name, str):
        raise ConfigError(f"the name of an hparam must be text, got {shown(name)}.")
    key, dot, rest = name.partition(".")
    if dot and key in PARTS:
        return _option(name, rest, getattr(config, key), (chosen or {}).get(key), key)
    if isinstance(config, Model):
        return _find_native(name, config, chosen or {})
    for rule, pattern in _PATTERNS.items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if not rule.where:
            return _of_recipe(rule)
        layer, count = int(match[1]), _layers(config, rule)
        if layer < count:
            places = ((rule.array.format(i=layer), 1.0),) if rule.array else ()
            return Target(rule, (*rule.where, layer, rule.key), places=places)
        raise ConfigError(_no_layer(name, layer, count, rule))
    text = shown_key(name)
    raise ConfigError(f"{text}: unknown hparam; {did_you_mean(text, hparam_names(config))}")


def _of_recipe(rule: Rule) -> Target:
    owners = (Owner("optimizer", words=ADAMS),) if rule.array in BETAS else ()
    places = ((rule.array, 1.0),) if rule.array else ()
    return Target(rule, (rule.key,), owners, places)


def _find_native(name: str, config: Model, chosen: Chosen) -> Target:
    rule = next((rule for rule in TABLE if rule.pattern == name and not rule.where), None)
    if rule is not None and rule.key not in BETAS:
        return _of_recipe(rule)
    if config.flax is not None:
        return find_in_flax(name, config)
    label = name.partition(".")[0]
    if "." not in name and all(label != item.label for item in config.layers):
        text, known = shown_key(name), list(hparam_names(config))
        same = [full for full in known if full.endswith(f".{text}")]
        hint = f"did you mean {' or '.join(map(repr, same[:3]))}?" if same else ""
        raise ConfigError(f"{text}: unknown hparam; {hint or did_you_mean(text, known)}")
    return find_in_layers(name, config, chosen)


def _option(name: str, rest: str, own: Part, choices: Sequence[Part] | None, key: str) -> Target:
    """The target of an option: `optimizer.momentum`, or `optimizer.sgd.momentum` in a choice."""
    kinds = (own,) if choices is None else choices
    for kind in kinds:
        option = rest if choices is None else rest.removeprefix(f"{kind.name}.")
        field = type(kind.options).model_fields.get(option)
        if field is None or (choices is not None and option == rest):
            continue
        types: dict[Any, ValueType] = {float: "float", int: "int", bool: "bool"}
        array = option_array(key, kind.name, option) if field.annotation is float else key
        value = types.get(field.annotation, "text")
        return Target(
            Rule(name, (), option, value, "traced", array),
            (key, kind.name, option),
            (Owner(key, words=(kind.name,)),),
            ((array, 1.0),),
        )
    known = [
        f"{key}.{option}" if choices is None else f"{key}.{kind.name}.{option}"
        for kind in kinds
        for option in type(kind.options).model_fields
    ]
    same = [full for full in known if full.endswith(f".{rest}")]
    if choices is not None and same:
        raise ConfigError(
            f"{name}: the {key} is a choice; name which: {' or '.join(map(repr, same))}."
        )
    raise ConfigError(f"{shown_key(name)}: unknown hparam; {did_you_mean(name, known)}")


def option_array(key: str, word: str, option: str) -> str:
    """The array of a part's traced number; adam and adamw share the arrays of their betas."""
    if key == "task":  # all networks of a program share it
        return f"{key}.{option}"
    return option if word in ADAMS and option in BETAS else f"{key}.{word}.{option}"


def _layers(config: ModelConfig, rule: Rule) -> int:
    if rule.where == BLOCKS:
        return len(config.resnet_config.block_list)
    count = len(config.mlp_config.block_list)
    # the last layer has one unit per class
    return count - 1 if rule.key == "out_size" else count


def _no_layer(name: str, layer: int, count: int, rule: Rule) -> str:
    if rule.key == "out_size" and layer == count:
        return f"{name}: cannot be tuned, the last MLP layer has one unit per class."
    what = "residual blocks" if rule.where == BLOCKS else "tunable MLP layers"
    if count == 0:
        return f"{name}: the model has no {what}."
    last = rule.pattern.format(i=count - 1)
    return f"{name}: the model has {count} {what}, numbered from 0; did you mean {last!r}?"
