"""What docstrings say: of a part, and of each of its options (`epochs: of a network ...`)."""

import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def doc(found: Any) -> str:
    """Returns what an object says of itself: its docstring, cleaned, or its text `about`."""
    named = inspect.isclass(found) or inspect.isroutine(found) or inspect.ismodule(found)
    return inspect.cleandoc((found.__doc__ if named else getattr(found, "about", "")) or "")


def docs_of(cls: type) -> list[str]:
    """Returns the docstrings of a class and of those it derives from, its own first.

    Those of other packages are left out: pydantic's say nothing of our options.
    """
    own = (base for base in cls.__mro__ if not base.__module__.startswith(("pydantic", "builtins")))
    return [inspect.cleandoc(base.__dict__.get("__doc__") or "") for base in own]


def paragraphs(text: str) -> list[str]:
    """Returns the paragraphs of a docstring, each in one line."""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def meanings(texts: Iterable[str], options: Iterable[str]) -> Mapping[str, str]:
    """Returns {option: what is said of it}; an option that no text speaks of is left out.

    texts: docstrings, the most specific first. A text speaks of an option where a sentence begins
    with it and a colon, until the next option or the end of the paragraph.
    """
    known, found = tuple(options), {}
    for text in texts:
        for paragraph in paragraphs(text):
            for names, said in _labelled(paragraph, known):
                for name in names:
                    found.setdefault(name, sentence(said))
    return found


def about(text: str, options: Iterable[str]) -> list[str]:
    """Returns the paragraphs of a docstring without what they say of single options."""
    known, kept = tuple(options), []
    for paragraph in paragraphs(text):
        first = next(_places(paragraph, known), None)
        kept.append(paragraph if first is None else paragraph[: first.start()].strip())
    return [paragraph for paragraph in kept if paragraph]


def sentence(text: str) -> str:
    """Returns a text that begins with a capital and ends with a full stop."""
    text = text.strip().rstrip(";")
    if not text:
        return text
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text}."


def _labelled(text: str, known: tuple[str, ...]) -> Iterator[tuple[list[str], str]]:
    places = list(_places(text, known))
    for place, after in itertools.zip_longest(places, places[1:]):
        said = text[place.end() : after.start() if after else None]
        yield re.split(r", | and | or ", place.group(1)), said


def _places(text: str, known: tuple[str, ...]) -> Iterator[re.Match[str]]:
    if not known:
        return iter(())
    word = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    return re.finditer(rf"(?:^|(?<=[.;] ))((?:{word})(?:(?:, | and | or )(?:{word}))*): ", text)
