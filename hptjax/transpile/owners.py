"""Decides when an hparam of a network is inactive: by the choice of a part, or by a depth."""

from collections.abc import Mapping
from typing import Any

from hptjax.conditions import Condition
from hptjax.config.hparams import Owner, Target
from hptjax.config.named import Spelling
from hptjax.entries import Categorical, Entry, Float, Value, values_of
from hptjax.errors import ConfigError, shown
from hptjax.space import Space


def with_conditions(space: Space, targets: Mapping[str, Target]) -> Space:
    """Returns the space with the conditions that follow from its hparams' roles in a network.

    An owner that is not tuned gives no condition: its value was checked when names were bound. An
    owner that holds for every value gives none either. Raises ConfigError if the space has other
    conditions.
    """
    found: dict[str, tuple[Condition, ...]] = {}
    for name, target in targets.items():
        conditions = (_condition(owner, space) for owner in target.owners)
        found[name] = tuple(condition for condition in conditions if condition is not None)
    whole = Space(space, found)
    if space.conditions and whole != space:
        raise ConfigError(
            "space: its conditions must be those that follow from the network; leave them out."
        )
    return whole


def _condition(owner: Owner, space: Space) -> Condition | None:
    """Returns the condition that an owner sets in the space, None if it always holds."""
    entry = space.get(owner.name)
    if entry is None or (owner.words and not isinstance(entry, Categorical)):
        return None
    if isinstance(entry, Float):
        raise ConfigError(
            f"{owner.name}: must be of type int or choices, for others depend on it; it is a real "
            "range."
        )
    values = tuple(values_of(entry))
    if owner.copy is not None:
        _check_depths(owner.name, entry)
    kept = tuple(value for value in values if owner_holds(owner, entry, value))
    return None if kept == values else Condition(owner.name, kept)


def _check_depths(name: str, entry: Entry) -> None:
    """Raises ConfigError for a choice of depths that would be rounded when written."""
    for choice in values_of(entry):
        if meaning_of(entry, choice) % 1:
            raise ConfigError(f"{name}: must be whole numbers, got {shown(choice)}.")


def owner_holds(owner: Owner, entry: Entry, value: Value) -> bool:
    """Tells whether the hparams of an owner are active when its own hparam has this value."""
    if owner.copy is not None:
        return meaning_of(entry, value) > owner.copy
    return word_of(entry, value, owner.name) in owner.words


def meaning_of(entry: Entry, value: Value) -> Any:
    """Returns the meaning of a value: for a named choice, what the name stands for."""
    return entry.meaning(value) if isinstance(entry, Categorical) else value


def word_of(entry: Entry, value: Value, path: str) -> str:
    """Returns the word of the part that a choice means; ConfigError, with this path, otherwise."""
    return Spelling.of(meaning_of(entry, value), path, f"{path}: must name a part").word
