"""Labels that users give: each is the name of a folder, a cell of a table and a column."""

import re
from collections.abc import Sequence

from hptjax.errors import ConfigError, shown

_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
CURE = "give each a label, as in [{name: tpe, label: tpe-1}, {name: tpe, label: tpe-2}]"
# readers of tables take these words, and numbers, for values
_LOST = ("na", "none", "null", "true", "false")


def check_label(label: object, path: str) -> str:
    """The label; ConfigError, which names the path, if it cannot be in a folder or a table."""
    if not isinstance(label, str) or not _FORM.fullmatch(label):
        raise ConfigError(
            f"{path}: must be 1 to 64 of the characters a-z A-Z 0-9 _ . - and begin with a letter "
            f"or a digit, got {shown(label)}."
        )
    if label.lower() in _LOST or _is_number(label):
        raise ConfigError(
            f"{path}: must be a name, {shown(label)} is a value for readers of tables."
        )
    return label


def check_distinct(labels: Sequence[str], path: str, cure: str = CURE) -> None:
    """Raises ConfigError if two labels are one folder: some systems take `A` for `a`.

    cure: what to do about it.
    """
    first: dict[str, str] = {}
    for label in labels:
        other = first.setdefault(label.lower(), label)
        if other is not label or labels.count(label) > 1:
            same = "is named twice" if other == label else f"and {other!r} would be one folder"
            raise ConfigError(f"{path}: must not repeat one: {label!r} {same}; {cure}.")


def _is_number(label: str) -> bool:
    try:
        float(label)  # also nan and inf
    except ValueError:
        return False
    return True
