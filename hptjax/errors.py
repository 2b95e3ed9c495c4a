"""Errors that are a user's to mend: the command line prints each in one line and exits with 2."""

from collections.abc import Iterable
from difflib import SequenceMatcher

_NEAR = 0.6  # below this likeness a guess alone may mislead


class ConfigError(ValueError):
    """A config, option or value of the user is not usable: says what must hold and what it got."""


class DataError(ConfigError):
    """A data file is missing, damaged or of the wrong shape: names the file and what is wrong."""


def shown(value: object, limit: int = 60) -> str:
    """A value as an error's text shows it: its repr, cut to `limit` characters; never raises."""
    try:
        text = repr(value)
    except Exception:  # too deep, an integer of too many digits, or a class's own repr that fails
        return f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown_key(key: object) -> str:
    """A key as a dotted path shows it: bare where it is short printable text, else as `shown`."""
    bare = isinstance(key, str) and key and key.isprintable() and len(key) <= 60
    return str(key) if bare else shown(key)


class MissingExtraError(ImportError):
    """An optional dependency is not installed: says which extra brings it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: install it with  pip install 'hptjax[{extra}]'")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The nearest known name as "did you mean 'lr'?", with all of them where none is near."""
    names = list(known)
    likeness = [SequenceMatcher(None, str(name), other).ratio() for other in names]
    best = max(likeness)
    guess = f"did you mean {names[likeness.index(best)]!r}?"
    return guess if best >= _NEAR else f"{guess} Known are {', '.join(sorted(names))}."
