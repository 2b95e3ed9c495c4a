"""The page of the glossary: each word of `hptjax.glossary`, under a heading of its own."""

import re
from collections.abc import Iterator, Mapping

import hptjax.glossary
from hptjax_docs.markdown import anchor, escaped, heading
from hptjax_docs.meanings import doc, paragraphs, sentence

_ENTRY = re.compile(r"^(\S.*?)  +(\S.*(?:\n .*)*)$", re.MULTILINE)


def glossary_page() -> dict[str, str]:
    """Returns {place in the manual: Markdown}."""
    return {"reference/glossary.md": "\n".join(_page())}


def words() -> Mapping[str, str]:
    """Returns {word: its meaning, in one line}."""
    found = _ENTRY.findall(doc(hptjax.glossary))
    return {word: " ".join(meaning.split()) for word, meaning in found}


def _page() -> Iterator[str]:
    first, *_, axes = paragraphs(doc(hptjax.glossary))
    yield "# Glossary\n"
    yield f"{escaped(first)} This page is `hptjax/glossary.py`, in the order of the alphabet.\n"
    yield f"{escaped(axes)}\n"
    for word, meaning in sorted(words().items()):
        yield heading(2, word, anchor(word))
        yield f"{escaped(sentence(meaning))}\n"
