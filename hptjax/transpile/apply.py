"""Writes hparams into a model config; rounds and casts the numbers of continuous strategies."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from hptjax.checks import is_number, plain
from hptjax.config.edit import with_value
from hptjax.config.explain import explain
from hptjax.config.flax_hparams import with_argument
from hptjax.config.hparams import PARTS, TABLE, Target, ValueType, bind, cast, meant_by
from hptjax.config.model import FLAX, Model
from hptjax.config.named import Part, Spelling, part
from hptjax.config.parts import OPTIMIZERS
from hptjax.config.recipe import Recipe
from hptjax.config.schema import ADAMS, BETAS, ModelConfig
from hptjax.entries import Categorical, Entry, values_of
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.glossary import Hparams
from hptjax.records.change import Change
from hptjax.transpile.owners import meaning_of

Network = TypeVar("Network", bound=ModelConfig | Model)


def apply_hparams(base: Network, hparams: Hparams) -> Network:
    """Returns the base config with the hparams written in; does not change the base.

    Integers are rounded (halves up); a boolean given as a number is True from 1/2. The result may
    be inconsistent: see `repair`. Raises ConfigError for a name that the network does not have
    (naming the nearest) and for a value that it cannot take.
    """
    if not isinstance(hparams, Mapping):
        raise ConfigError(f"hparams must be a mapping of name to value, got {shown(hparams)}.")
    native = isinstance(base, Model)  # depths and kinds decide its other names
    chosen = {name: [meant_by(name, own)] for name, own in hparams.items()} if native else None
    return apply_bound(base, bind(hparams, base, chosen), hparams)[0]


def with_hparams(base: Network, **hparams: bool | int | float | str) -> Network:
    """Does what `apply_hparams` does: `with_hparams(base, lr=0.01, mlp_out_l0=96)`.

    Example:
        >>> import hptjax
        >>> hptjax.with_hparams(hptjax.load_model_config("model"), lr=0.01, mlp_out_l0=96).lr
        0.01
    """
    return apply_hparams(base, hparams)


def apply_bound(
    base: Network, targets: Mapping[str, Target], hparams: Hparams
) -> tuple[Network, tuple[Change, ...]]:
    """Applies hparams whose names are bound already; also returns every value that was cast."""
    native = isinstance(base, Model)
    tree: Any = dict(base) if native else base.model_dump()
    changes = []
    # parts come before their options, and before the parts inside them
    order = {name: (target.type != "part", len(target.path)) for name, target in targets.items()}
    for name in sorted(hparams, key=order.__getitem__):
        given, target = hparams[name], targets[name]
        value = _cast(name, given, target.type)
        if target.type != "part" and _differs(value, given):
            changes.append(Change(name, plain(given), value, _WHY[target.type]))
        if target.path[0] == "layers":
            tree["layers"] = with_value(tree["layers"], target.path[1:], value, name)
        elif target.path[0] == FLAX:
            tree[FLAX] = with_argument(tree[FLAX], target, value)
        else:
            _write(tree, target, value, native)
    try:
        return type(base).model_validate(tree), tuple(changes)
    except ValidationError as error:
        raise ConfigError(_by_name(error, targets, hparams, type(base))) from None


def _differs(value: Any, given: Any) -> bool:
    return value != given or (isinstance(value, bool) and not isinstance(given, bool))


def _write(tree: Any, target: Target, value: Any, native: bool) -> None:
    """Writes a value into the tree of a model; skips options of a part that is not chosen."""
    *way, last = target.path
    if target.type == "part" and last == "optimizer" and not native:
        chosen = part(OPTIMIZERS, value, "optimizer")
        stated = chosen.options.model_fields_set & set(BETAS) if chosen.name in ADAMS else ()
        tree |= {name: getattr(chosen.options, name) for name in stated}
    if target.owner is not None:
        key, word = target.owner
        chosen = part(PARTS[key], tree[key], key)
        if chosen.name == word:
            _write_option(tree, key, chosen, str(last), value, native)
        return
    holder: Any = tree
    for step in way:
        holder = holder[step]  # model_dump made these dicts and tuples
    holder[last] = value


def _write_option(tree: Any, key: str, chosen: Part, option: str, value: Any, native: bool) -> None:
    if chosen.name in ADAMS and option in BETAS and not native:
        tree[option] = value
        return
    given = {name: getattr(chosen.options, name) for name in chosen.options.model_fields_set}
    tree[key] = {chosen.name: {**given, option: value}}


def with_owners(
    base: Network, name: str, space: Mapping[str, Entry], targets: Mapping[str, Target]
) -> Network:
    """Returns the base in which an hparam is active: with its part, layer, and enough copies."""
    needed: dict[str, Any] = {}
    for owner in targets[name].owners:
        entry = space.get(owner.name)
        if isinstance(entry, Categorical) and owner.words:
            meanings = map(entry.meaning, entry.choices)
            needed[owner.name] = next(own for own in meanings if _word(own) in owner.words)
        elif entry is not None and owner.copy is not None:
            copies = max(meaning_of(entry, value) for value in values_of(entry))
            needed[owner.name] = max(copies, needed.get(owner.name, copies))
    return apply_bound(base, targets, needed)[0] if needed else base


def _word(meaning: Any) -> str:
    return Spelling.of(meaning, "space", "space: must name a part").word


_WHY: dict[ValueType, str] = {
    "float": "is a real number",
    "int": "rounded",
    "bool": "is on from 1/2",
    "text": "is a name",
    "padding": "rounded",
    "value": "rounded",
    "part": "is a part",
}


def _cast(name: str, value: Any, kind: ValueType) -> Any:
    value = plain(value)
    if kind == "part":
        return value
    if isinstance(value, str | None) and kind in ("text", "padding"):
        return value
    if kind == "value" and not is_number(value):
        return value
    if kind == "text":
        raise ConfigError(f"{name}: must be a name, got {shown(value)}.")
    if kind == "bool" and isinstance(value, bool):
        return value
    if not is_number(value):
        raise ConfigError(f"{name}: must be a finite number, got {shown(value)}.")
    if kind == "bool" and not 0 <= value <= 1:
        raise ConfigError(f"{name}: must be true, false or a number in [0, 1], got {value!r}.")
    if kind == "float":
        return float(value)
    return value if kind != "bool" and isinstance(value, int) else cast(value, kind)


def _by_name(
    error: ValidationError, targets: Mapping[str, Target], hparams: Hparams, form: type[Recipe]
) -> str:
    """Returns the mistake under the hparam's own name, which the user wrote."""
    text = str(explain(error, form)).removeprefix("model.")
    if text.startswith("layers."):
        return f"{', '.join(hparams)}: model.{text}" if len(hparams) == 1 else f"model.{text}"
    for name, target in targets.items():
        path = ".".join(str(part) for part in target.path)
        if text.startswith(f"{path}:"):
            return name + text.removeprefix(path)
    return text


def model_from_trial(tree: Mapping[str, Any]) -> ModelConfig:
    """Reads a trial of the original study: the model's dict with the tuned hparams beside its keys.

    Raises ConfigError for a key that is neither the model's nor one of its hparams.
    """
    fields = ModelConfig.model_fields
    model = {key: value for key, value in tree.items() if key in fields}
    hparams = {key: value for key, value in tree.items() if key not in fields}
    for key in hparams:
        if not _is_layer_name(key):
            patterns = [rule.pattern.format(i=0) for rule in TABLE]
            raise ConfigError(f"{key}: unknown key; {did_you_mean(key, [*fields, *patterns])}")
    return apply_hparams(ModelConfig.from_dict(model), hparams)


def _is_layer_name(key: str) -> bool:
    head = key.rstrip("0123456789")
    return head != key and any(rule.pattern == f"{head}{{i}}" for rule in TABLE)
