"""Errors that a user can mend: the command line prints each in one line and exits with 2."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from hptjax.synonyms import NAMES, NOTES

_NEAR = 0.65  # less similar guesses mislead


class ConfigError(ValueError):
    """A user's config, option or value is not usable; the text says what must hold and what it got.

    more: how many further mistakes the same file has; the reader of the file reports that.
    """

    def __init__(self, text: str, more: int = 0) -> None:
        super().__init__(text)
        self.more = more


class CodeError(ConfigError):
    """A user's own module, or what a config names in it, is not there; the text names it."""


class DataError(ConfigError):
    """A data file is missing, damaged or of the wrong shape; the text names the file."""


def printable(text: str) -> str:
    """The text with every control or invisible character as an escape: `\\x1b`, `\\n`."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shown(value: object, limit: int = 60) -> str:
    """A value as an error's text shows it: its repr, cut to `limit` characters; never raises."""
    try:
        text = repr(value)
    except Exception:  # too deep, an integer of too many digits, or a class's own repr that fails
        return f"<{type(value).__name__} that cannot be shown>"
    text = " ".join(text.split()) if "\n" in text else text  # an error is one line
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown_key(key: object) -> str:
    """A key as a dotted path shows it: bare where it is short printable text, else as `shown`."""
    bare = isinstance(key, str) and key and key.isprintable() and len(key) <= 60
    return str(key) if bare else shown(key)


class MissingExtraError(ImportError):
    """An optional dependency is not installed; the text says which extra installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: install it with  pip install 'hptjax[{extra}]'")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'lr'?", found by the words of other tools, then by spelling.

    If no name is similar, it lists all known names.
    """
    names, word = list(known), str(name)
    if hint := similar(word, names):
        return hint
    if word.lower() in NOTES:
        return f"{NOTES[word.lower()]}."
    return f"known are {', '.join(sorted(names))}." if names else "it takes none."


def similar(word: str, names: Sequence[str]) -> str:
    """A hint at the names that the word most likely means; empty if none is near."""
    same = [name for name in names if _bare(name) == _bare(word) != ""]
    if same:
        return f"did you mean {same[0]!r}?"
    for meant in NAMES.get(word.lower(), ()):
        found = [n for n in names if _same(n, meant)]
        if found:
            return f"hptjax calls it {', '.join(map(repr, found))}."
    likeness = [max(_likeness(word, own), _likeness(_bare(word), _bare(own))) for own in names]
    if likeness and max(likeness) >= _NEAR:
        return f"did you mean {names[likeness.index(max(likeness))]!r}?"
    return ""


def _bare(word: str) -> str:
    """The word without capitals and signs: `LeakyReLU` and `leaky_relu` are spelled alike."""
    return "".join(filter(str.isalnum, word[:100].lower()))


def _same(name: str, meant: str) -> bool:
    """Whether a name is the one meant, perhaps as a class in Python: `Linear` for `linear`."""
    return name in (meant, meant.capitalize()) or (meant.endswith("_l") and name.startswith(meant))


def _likeness(word: str, other: str) -> float:
    """1 if the word is a prefix of at least two letters; its time is bounded for any word."""
    if len(word) > 1 and other.startswith(word):
        return 1.0
    return SequenceMatcher(None, word[:100], other).ratio()
