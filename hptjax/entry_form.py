"""The two forms of an entry in a file, short and long. The short form is `{float: [0.001, 0.1]}`.

The long form is `{type: float, low: 0.001, high: 0.1}`; files of runs have the long form.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hptjax.entries import Categorical, Entry, Float, Integer
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.synonyms import NOTES

_KINDS: dict[str, type[Entry]] = {"float": Float, "int": Integer, "choice": Categorical}


def entry_from_dict(spec: Any, path: str) -> Entry:
    """Builds an entry from either form; raises ConfigError naming the path."""
    if not isinstance(spec, Mapping):
        example = "{float: [0.001, 0.1]}"
        raise ConfigError(f"{path}: must be a mapping such as {example}, got {shown(spec)}.")
    kinds = [kind for kind in _KINDS if kind in spec]
    if len(kinds) == 1 and "type" not in spec:
        others = {key: value for key, value in spec.items() if key != kinds[0]}
        spec = long_form(kinds[0], spec[kinds[0]], others, path)
    kind = spec.get("type", "choice" if "choices" in spec else None)
    if not isinstance(kind, str) or kind not in _KINDS:
        words = [word for word in (kind, *spec) if isinstance(word, str) and word in NOTES]
        hint = f" {NOTES[words[0]]}." if words else ""
        must = f"must be one of {', '.join(_KINDS)}, got {shown(kind)}"
        raise ConfigError(f"{path}.type: {must}{';' if hint else '.'}{hint}")
    known = [field.name for field in fields(_KINDS[kind]) if field.name != "meanings"]
    for key in spec:
        if key not in known and key != "type":
            if not isinstance(key, str):
                raise ConfigError(f"{path}: a key must be text, got {shown(key)}.")
            text = shown_key(key)
            hint = did_you_mean(text, [*known, "type"])
            raise ConfigError(f"{path}.{text}: unknown key; {hint}")
    for key in ("choices",) if kind == "choice" else ("low", "high"):
        if key not in spec:
            raise ConfigError(f"{path}.{key}: must be given, it is missing.")
    try:
        return _KINDS[kind](**{key: value for key, value in spec.items() if key != "type"})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def long_form(kind: str, given: Any, others: Mapping[str, Any], path: str) -> dict[str, Any]:
    """`{type: .., low: .., high: ..}`, or with `choices`, from the value under a kind's word.

    others: the keys beside it. Raises ConfigError unless there are two ends.
    """
    if kind == "choice":
        return {"type": kind, "choices": given, **others}
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise ConfigError(f"{path}.{kind}: must be [low, high], got {shown(given)}.")
    return {"type": kind, "low": given[0], "high": given[1], **others}


def short_form(entry: Entry) -> dict[str, Any]:
    """An entry as people write it: `{float: [0.001, 0.1], log: true}`."""
    tree = entry_to_dict(entry)
    kind = tree.pop("type")
    if kind == "choice":
        return {"choice": tree.pop("choices"), **tree}
    if tree.get("step") == 1:
        del tree["step"]
    return {kind: [tree.pop("low"), tree.pop("high")], **tree}


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """Plain data from which `entry_from_dict` builds an equal entry."""
    tree: dict[str, Any] = {"type": entry.kind}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if value is not None and (value is not False or field.name not in ("log", "snap")):
            tree[field.name] = list(value) if isinstance(value, tuple) else value
    if isinstance(entry, Categorical):
        tree["choices"] = entry.to_choices()
        tree.pop("meanings", None)
    return tree
