"""Conditions: an hparam may be active only for some values of other hparams of its space.

An hparam is active if each hparam that it depends on is active and has one of the required values.
An hparam without conditions is always active.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hptjax.checks import some
from hptjax.entries import Entry, Float, Value
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.glossary import Hparams


@dataclass(frozen=True, slots=True)
class Condition:
    """A requirement of one hparam: its parent, another hparam, must have one of these values.

    With no values the hparam is never active.
    """

    parent: str
    values: tuple[Value, ...]

    def holds(self, value: Value) -> bool:
        """Whether a value of the parent, in its entry's type, meets it; True is not 1."""
        flag = isinstance(value, bool)
        return any(flag == isinstance(own, bool) and value == own for own in self.values)


Conditions: TypeAlias = Mapping[str, tuple[Condition, ...]]


def checked_conditions(
    entries: Mapping[str, Entry], given: Any
) -> dict[str, tuple[Condition, ...]]:
    """The conditions of each hparam that has some, in the order of the entries.

    Raises ConfigError for an unknown hparam, for a parent that is a real range, for values that the
    parent cannot have, and for hparams that depend on each other in a circle.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"conditions must be a mapping of hparam to conditions, got {shown(given)}."
        )
    for name, conditions in given.items():
        _known(name, entries, "conditions")
        for condition in conditions:
            if not isinstance(condition, Condition):
                raise ConfigError(f"{name}: must have Conditions, got {shown(condition)}.")
            _check_parent(name, condition, entries)
    found = {name: tuple(given[name]) for name in entries if given.get(name)}
    parents_first(entries, found)
    return found


def _known(name: Any, entries: Mapping[str, Entry], where: str) -> None:
    if name not in entries:
        text = shown_key(name)
        raise ConfigError(f"{where}: {text} is not in the space; {did_you_mean(text, entries)}")


def _check_parent(name: str, condition: Condition, entries: Mapping[str, Entry]) -> None:
    _known(condition.parent, entries, name)
    entry = entries[condition.parent]
    if isinstance(entry, Float):
        raise ConfigError(
            f"{condition.parent}: must be an Integer or choices, for {name} depends on it; it is a "
            "real range."
        )
    for value in condition.values:
        try:
            same = entry.check(value) == value
        except ConfigError:
            same = False
        if not same:
            raise ConfigError(
                f"{name}: depends on {condition.parent} = {shown(value)}, which it never is."
            )


def parents_first(names: Iterable[str], conditions: Conditions) -> tuple[str, ...]:
    """The names in the given order, except that parents come before the hparams they decide.

    Raises ConfigError for a circle.
    """
    order: dict[str, None] = {}
    way: list[str] = []

    def visit(name: str) -> None:
        if name in way:
            circle = " -> ".join([*way[way.index(name) :], name])
            raise ConfigError(f"conditions: hparams must not depend on themselves: {circle}.")
        way.append(name)
        for condition in conditions.get(name, ()):
            if condition.parent not in order:
                visit(condition.parent)
        way.pop()
        order[name] = None

    for name in names:
        if name not in order:
            visit(name)
    return tuple(order)


def unmet(
    name: str, conditions: Conditions, hparams: Hparams, entries: Mapping[str, Entry]
) -> Condition | None:
    """The first condition that the active hparams do not meet; None if the hparam is active.

    Values may be uncast. Raises ConfigError for a value that its entry cannot have.
    """
    for condition in conditions.get(name, ()):
        parent = condition.parent
        if parent not in hparams:
            return condition
        try:
            value = entries[parent].check(hparams[parent])
        except ConfigError as error:
            raise ConfigError(f"{shown_key(parent)}: {error}") from None
        if not condition.holds(value):
            return condition
    return None


def inactive_text(name: str, condition: Condition, hparams: Hparams) -> str:
    """A sentence that says why an hparam is inactive beside these active ones."""
    parent = condition.parent
    if parent not in hparams:
        return f"{name}: means nothing where {parent} means nothing itself; leave it out."
    needs = f"needs {parent} to be {some(condition.values)}" if condition.values else "never does"
    return (
        f"{name}: means nothing where {parent} is {shown(hparams[parent])}, it {needs}; leave it "
        "out."
    )
