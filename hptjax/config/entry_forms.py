"""Reads entries of a space as users write them: `{float: [low, high], log: true}`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hptjax.checks import is_integer, is_number, some
from hptjax.entry_form import long_form
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key

KINDS = ("float", "int", "choice")
OPTIONS = ("log", "step", "grid", "snap", "default", "each")
_NUMBERS = {"uniform": "float", "quniform": "float", "normal": "float", "real": "float"}
_NUMBERS |= {"loguniform": "log", "log_uniform": "log", "log": "log", "reverse_loguniform": "log"}
_NUMBERS |= {"randint": "int", "integer": "int", "qrandint": "int", "lograndint": "int"}

# {kind, or log: the form of an entry in a file, and in Python}
_FORMS = {
    "float": ("{{float: [{}]}}", "uniform({})"),
    "log": ("{{float: [{}], log: true}}", "loguniform({})"),
    "int": ("{{int: [{}]}}", "integer({})"),
    "choice": ("{{choice: [{}]}}", "choice([{}])"),
}
WIDE = 100  # a range whose high is so many times its low is most likely meant as a log scale


def is_entry(tree: Any) -> bool:
    """Whether a tree is an entry, in any form, not a plain value or a part."""
    if not isinstance(tree, Mapping):
        return False
    if any(kind in tree for kind in KINDS) or "choices" in tree:
        return True
    return isinstance(tree.get("type"), str) and ("low" in tree or "high" in tree)


def entry_tree(tree: Mapping[str, Any], path: str) -> dict[str, Any]:
    """An entry in the form that `Space` reads, `{type: float, low: .., high: ..}`.

    The keys `default` and `each` stay in it. Raises ConfigError naming the path.
    """
    kinds = [kind for kind in KINDS if kind in tree]
    if not kinds:
        return dict(tree)
    if len(kinds) > 1:
        raise ConfigError(f"{path}: must have one of {', '.join(KINDS)}, has {', '.join(kinds)}.")
    kind, given = kinds[0], tree[kinds[0]]
    others = {key: value for key, value in tree.items() if key != kind}
    for key in others:
        if key not in OPTIONS:
            hint = did_you_mean(key, OPTIONS)
            raise ConfigError(f"{path}.{shown_key(key)}: unknown key; {hint}")
    return long_form(kind, given, others, path)


def refuse_range(tree: Any, path: str, whole: bool) -> None:
    """Raises ConfigError if a number is written as a list, or as an entry of another tool.

    whole: whether the number is an integer.
    """
    if isinstance(tree, list | tuple) and all(map(is_number, tree)) and tree:
        ranges = [_range_of(tree, whole)] if len(tree) == 2 else []
        raise ConfigError(f"{path}: a list is not a range; {_advice([*ranges, 'choice'], tree)}")
    if not isinstance(tree, Mapping) or len(tree) != 1:
        return
    [(word, given)] = tree.items()
    pair = isinstance(given, list | tuple) and len(given) == 2 and all(map(is_number, given))
    kind = _NUMBERS.get(str(word).lower())
    values = given if pair else ("low", "high") if kind else ("a", "b")
    advice = _advice([kind] if kind else ["float", "int", "choice"], values)
    raise ConfigError(f"{path}: no entry is called {shown(word)}; {advice}")


def _range_of(ends: Sequence[Any], whole: bool) -> str:
    """Returns the kind of range, a word of _FORMS, that two numbers are most likely meant as."""
    if whole and all(map(is_integer, ends)):
        return "int"
    return "log" if 0 < WIDE * ends[0] <= ends[1] else "float"


def _advice(kinds: Sequence[str], values: Sequence[Any]) -> str:
    """Says how the values are written as entries of these kinds, in a file and in Python."""
    given = some(values)
    in_file, in_python = (
        " or ".join(form.format(given) for form in forms)
        for forms in zip(*(_FORMS[kind] for kind in kinds), strict=True)
    )
    return f"write {in_file}; in Python, {in_python}."
