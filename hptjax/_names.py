"""Suggests the known name that a user most likely meant."""

from collections.abc import Iterable
from difflib import SequenceMatcher

_NEAR = 0.6  # below this likeness a guess alone may mislead


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The nearest known name as "did you mean 'lr'?", with all of them where none is near."""
    names = list(known)
    likeness = [SequenceMatcher(None, str(name), other).ratio() for other in names]
    best = max(likeness)
    guess = f"did you mean {names[likeness.index(best)]!r}?"
    return guess if best >= _NEAR else f"{guess} Known are {', '.join(sorted(names))}."
